"""Planning the containers of an instance: their images, limits, variables, labels and ports."""

from dataclasses import dataclass, field, replace

from racetrack_client.client.run import JOB_INTERNAL_PORT
from racetrack_client.docker_labels import DockerLabel

from lifecycle.config import Config
from lifecycle.deployer.resources import JobResources, compute_resources
from lifecycle.domain.instance import InstanceSpec
from lifecycle.infrastructure.built_in_deployer import make_platform_variables, merge_variables
from lifecycle.infrastructure.docker.identity import (
    make_alias,
    make_container_name,
    make_platform_labels,
)

PORT_VARIABLE = "RACETRACK_PORT"
"""Holds the port by which the container is reached, where that is not the one it listens at."""
_SHARES_PER_CPU = 1024
_LEAST_SHARES = 2
_LEAST_MEMORY_BYTES = 6 * 1024 * 1024
"""The smallest number that the engine accepts."""


@dataclass(frozen=True)
class ContainerLimits:
    """The resources that a container may use, in the engine's units."""

    memory_bytes: int
    memory_reservation_bytes: int
    nano_cpus: int
    cpu_shares: int
    shm_bytes: int


@dataclass(frozen=True)
class ContainerPlan:
    """One container of an instance, as it is to be created."""

    replica: int
    index: int
    name: str
    """The name that it gets unless another program's container has it."""
    alias: str
    """A name that no other container has; other containers reach it by this name."""
    image: str
    environment: dict[str, str] = field(repr=False)
    labels: dict[str, str]
    network: str
    limits: ContainerLimits
    port_bindings: dict[int, tuple[str, int]] = field(default_factory=dict)
    """Addresses of the machine by the container's ports that they lead to."""

    def published_at(self, host: str, port: int) -> "ContainerPlan":
        """Return the plan with a port of the machine, at which Lifecycle and PUB then reach the container."""
        address = {DockerLabel.ADDRESS: f"{host}:{port}"}
        return replace(
            self,
            environment=self.environment | {PORT_VARIABLE: str(port)},
            labels=self.labels | address,
            port_bindings={JOB_INTERNAL_PORT: (host, port)},
        )


def make_plans(spec: InstanceSpec, config: Config, images: list[str]) -> list[ContainerPlan]:
    """Plan all containers, replica by replica; raise InstanceNotStarted when the manifest asks for too much."""
    limits = make_limits(compute_resources(spec.manifest, config))
    return [
        _make_plan(spec, config, images, limits, (replica, index))
        for replica in range(spec.manifest.replicas)
        for index in range(len(images))
    ]


def make_limits(resources: JobResources) -> ContainerLimits:
    """Translate resources; CPU shares weigh containers against each other when there are not enough CPUs for all."""
    cpu_shares = int(resources.cpu_min.plain_number * _SHARES_PER_CPU)
    return ContainerLimits(
        memory_bytes=int(resources.memory_max.plain_number),
        memory_reservation_bytes=max(_LEAST_MEMORY_BYTES, int(resources.memory_min.plain_number)),
        nano_cpus=int(resources.cpu_max.plain_number * 10**9),
        cpu_shares=max(_LEAST_SHARES, cpu_shares),
        shm_bytes=int(resources.shm_size.plain_number),
    )


def _make_plan(
    spec: InstanceSpec,
    config: Config,
    images: list[str],
    limits: ContainerLimits,
    place: tuple[int, int],
) -> ContainerPlan:
    replica, index = place
    job = spec.manifest.name, spec.manifest.version
    of_platform = make_platform_variables(spec, config)
    if config.docker_pub_url:
        of_platform["PUB_URL"] = config.docker_pub_url
    if len(images) > 1:
        user_module = make_alias(*job, spec.instance_id, replica, index=1)
        of_platform["JOB_USER_MODULE_HOSTNAME"] = user_module
    main_alias = make_alias(*job, spec.instance_id, replica, index=0)
    return ContainerPlan(
        replica=replica,
        index=index,
        name=make_container_name(*job, replica, index),
        alias=make_alias(*job, spec.instance_id, replica, index),
        image=images[index],
        environment=merge_variables(spec, of_platform),
        labels={
            **make_platform_labels(config.platform_name),
            DockerLabel.JOB_NAME: spec.manifest.name,
            DockerLabel.JOB_VERSION: spec.manifest.version,
            DockerLabel.INSTANCE: spec.instance_id,
            DockerLabel.REPLICA: str(replica),
            DockerLabel.CONTAINER: str(index),
            DockerLabel.SIZE: str(spec.manifest.replicas * len(images)),
            DockerLabel.ADDRESS: f"{main_alias}:{JOB_INTERNAL_PORT}",
        },
        network=config.docker_network,
        limits=limits,
    )
