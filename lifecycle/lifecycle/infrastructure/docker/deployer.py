"""The deployer of the target `docker`."""

from concurrent.futures import ThreadPoolExecutor

from pydantic import TypeAdapter
from racetrack_client.docker_labels import DockerLabel
from racetrack_client.log.logs import get_logger
from racetrack_client.manifest import Manifest
from racetrack_commons.clock import Clock

from lifecycle.config import BuiltInTarget, Config
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployer.instances import ImageGone, InstanceNotStarted, JobCrashed
from lifecycle.deployer.resources import compute_resources, list_wishes_for_clusters
from lifecycle.domain.instance import Instance, InstanceSpec
from lifecycle.domain.secrets import SecretBox
from lifecycle.infrastructure.built_in_deployer import BuiltInDeployer
from lifecycle.infrastructure.container_end import describe_end
from lifecycle.infrastructure.docker.condition import parse_condition
from lifecycle.infrastructure.docker.creation import ContainerCreator
from lifecycle.infrastructure.docker.engine_client import DockerEngine
from lifecycle.infrastructure.docker.engine_connection import NOT_FOUND, EngineRefusal
from lifecycle.infrastructure.docker.identity import (
    JobContainer,
    make_platform_labels,
    parse_container,
)
from lifecycle.infrastructure.docker.log_lines import read_merged
from lifecycle.infrastructure.docker.plan import make_plans

logger = get_logger(__name__)
_EVIDENCE_LINES = 20
_STOPS_AT_ONCE = 8
_ENDED = {"exited", "dead", "restarting"}
_RUNNING = {"running", "paused", "restarting"}
_SPEC = TypeAdapter(InstanceSpec)


class DockerDeployer(BuiltInDeployer):
    """Runs each replica as one container, or as several when its job type has several images."""

    def __init__(
        self,
        config: Config,
        uow: UnitOfWorkFactory,
        secrets: SecretBox,
        engine: DockerEngine,
        clock: Clock,
    ) -> None:
        super().__init__(uow, secrets)
        self.config = config
        self.engine = engine
        self._creator = ContainerCreator(engine, config, clock, self._list_taken_ports)

    def check_manifest(self, manifest: Manifest) -> None:
        """Raise InstanceNotStarted when the manifest asks for more than the platform allows."""
        compute_resources(manifest, self.config)

    def list_unmet_wishes(self, manifest: Manifest) -> list[str]:
        """Return warnings when the manifest asks for GPUs or nodes of a cluster."""
        return list_wishes_for_clusters(manifest, BuiltInTarget.DOCKER)

    def start_instance(self, spec: InstanceSpec) -> Instance:
        """Create and start the missing containers of the instance; store the spec for `revive_instance`."""
        content = self.secrets.encrypt(_SPEC.dump_json(spec))
        with self.uow() as uow:
            uow.instance_specs.save(spec.instance_id, content)
        return self._start(spec)

    def revive_instance(self, instance_id: str) -> None:
        """Bring back containers that were removed or stopped; raise InstanceNotStarted when that is impossible."""
        with self.uow.reading() as uow:
            content = uow.instance_specs.find(instance_id)
        if content is None:
            raise InstanceNotStarted("it is not known how it was started; reprovision the job")
        self._start(_SPEC.validate_json(self.secrets.decrypt(content)))
        self.keep_instance(instance_id)
        with self.uow.reading() as uow:
            if uow.instance_specs.find(instance_id) is None:  # The instance was stopped meanwhile.
                self._remove(instance_id, grace_seconds=0)

    def keep_instance(self, instance_id: str) -> None:
        """From now on, let the engine start the instance's containers again when they end."""
        for container in self.list_containers({DockerLabel.INSTANCE: instance_id}):
            self.engine.keep_running(container.id)

    def ask_to_end(self, instance_id: str) -> None:
        """Send each container its stop signal, which the engine follows up with nothing."""
        with self.uow() as uow:
            uow.instance_specs.remove(instance_id)
        for container in self.list_containers({DockerLabel.INSTANCE: instance_id}):
            self.engine.let_end(container.id)
            self.engine.ask_to_end(container.id)

    def has_ended(self, instance_id: str) -> bool:
        """Return whether none of the containers that answer calls runs."""
        containers = self.list_containers({DockerLabel.INSTANCE: instance_id})
        return not any(one.index == 0 and one.state in _RUNNING for one in containers)

    def stop_instance(self, instance_id: str, grace_seconds: float) -> None:
        """Ask the containers to end, kill those that have not after `grace_seconds`, and remove all."""
        with self.uow() as uow:
            uow.instance_specs.remove(instance_id)
        self._remove(instance_id, grace_seconds)

    def has_instance(self, instance_id: str) -> bool:
        """Return whether the instance has a container."""
        return bool(self.list_containers({DockerLabel.INSTANCE: instance_id}))

    def check_instance(self, instance_id: str) -> None:
        """Raise JobCrashed, with the cause and the last log lines, if a container has ended or is missing."""
        containers = self.list_containers({DockerLabel.INSTANCE: instance_id})
        if not containers or len(containers) < containers[0].size:
            raise JobCrashed("a container of the job was removed")
        for container in containers:
            if container.state in _ENDED:
                raise JobCrashed(self.describe_crash(container))

    def list_instances(self) -> list[Instance]:
        """List the instances that have a container."""
        instances: dict[str, list[JobContainer]] = {}
        for container in self.list_containers({}):
            instances.setdefault(container.instance_id, []).append(container)
        return [_describe(containers) for containers in instances.values()]

    def list_containers(self, wanted: dict[str, str]) -> list[JobContainer]:
        """List the containers of this platform that have the wanted labels, replica by replica."""
        found = self.engine.list_containers(
            make_platform_labels(self.config.platform_name) | wanted
        )
        containers = [container for each in found if (container := parse_container(each))]
        return sorted(containers, key=lambda one: (one.replica, one.index, one.created))

    def describe_crash(self, container: JobContainer) -> str:
        """Return a text about how a container ended, with the last lines of its log."""
        found = self.engine.find_container(container.id)
        if found is None:
            return "a container of the job was removed"
        condition = parse_condition(found)
        cause = describe_end(condition.last_end, condition.memory_bytes)
        lines = "\n".join(read_merged(self.engine, [container], _EVIDENCE_LINES))
        return f"the job {cause}. Its last log lines:\n{lines}".rstrip()

    def stop_containers(self, containers: list[JobContainer], grace_seconds: float) -> None:
        """Ask all containers at once to end for good; kill those that have not after `grace_seconds`."""

        def stop(container: JobContainer) -> None:
            self.engine.let_end(container.id)
            self.engine.stop_container(container.id, grace_seconds)

        with ThreadPoolExecutor(_STOPS_AT_ONCE, "stop-containers") as pool:
            list(pool.map(stop, containers))

    def _start(self, spec: InstanceSpec) -> Instance:
        plans = make_plans(spec, self.config, self._name_images(spec))
        self.engine.wait_until_available()
        network_labels = make_platform_labels(self.config.platform_name)
        self.engine.ensure_network(self.config.docker_network, network_labels)
        for image in dict.fromkeys(plan.image for plan in plans):
            self._ensure_image(image)
        known = {
            (container.replica, container.index): container
            for container in self.list_containers({DockerLabel.INSTANCE: spec.instance_id})
        }
        for plan in plans:
            self._creator.ensure_running(plan, known.get((plan.replica, plan.index)))
        started = _describe(self.list_containers({DockerLabel.INSTANCE: spec.instance_id}))
        logger.info(f"job {started.job_name} {started.job_version} runs at {started.internal_name}")
        return started

    def _name_images(self, spec: InstanceSpec) -> list[str]:
        if spec.image_names:
            return spec.image_names
        registry = self.config.image_registry
        return [registry.name_job_image(spec.manifest.name, spec.image_tag)]

    def _ensure_image(self, image: str) -> None:
        if self.engine.has_image(image):
            return
        registry = self.config.docker_registry
        if not registry or not image.startswith(f"{registry}/"):
            raise ImageGone(f"image {image} is not on the Docker engine any more")
        try:
            self.engine.pull_image(image)
        except EngineRefusal as refusal:
            what = f"image {image} can't be pulled: {refusal}"
            if refusal.status_code == NOT_FOUND:
                raise ImageGone(what) from refusal
            raise InstanceNotStarted(what) from refusal

    def _remove(self, instance_id: str, grace_seconds: float) -> None:
        containers = self.list_containers({DockerLabel.INSTANCE: instance_id})
        self.stop_containers(containers, grace_seconds)
        for container in containers:
            self.engine.remove_container(container.id)

    def _list_taken_ports(self) -> set[int]:
        with self.uow.reading() as uow:
            taken = uow.processes.list_ports()
        addresses = (container.address for container in self.list_containers({}))
        return taken | {int(address.rpartition(":")[2]) for address in addresses}


def _describe(containers: list[JobContainer]) -> Instance:
    addresses = [container.address for container in containers if container.index == 0]
    first = containers[0]
    return Instance(first.instance_id, first.job_name, first.job_version, addresses[0], addresses)
