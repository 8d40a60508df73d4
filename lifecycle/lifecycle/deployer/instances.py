"""The port of deployers that can hold two instances of a job side by side: the base of deployments without downtime."""

from abc import abstractmethod
from dataclasses import dataclass, field

from racetrack_client.manifest import Manifest

from lifecycle.deployer.base import JobDeployer


class JobCrashed(RuntimeError):
    """An instance ended by itself; the message holds its exit code and last log lines."""


class InstanceNotStarted(RuntimeError):
    """An instance can't be started; the message says why and what to do."""


class ImageGone(InstanceNotStarted):
    """The image is not there, or no longer whole: it has to be built again."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; redeploy the job to build it again")
        self.what = what
        """What is missing."""


@dataclass(frozen=True)
class InstanceSpec:
    """Everything that is needed to start an instance."""

    instance_id: str
    """The id of the deployment that makes it."""
    manifest: Manifest
    image_tag: str
    image_names: list[str]
    deployment_timestamp: int
    """UNIX seconds; the job says it in `/live`."""
    runtime_env: dict[str, str] = field(default_factory=dict)
    secret_runtime_env: dict[str, str] = field(default_factory=dict, repr=False)
    family_token: str = field(default="", repr=False)
    """Token with which the job calls other jobs."""
    plugin_env: dict[str, str] = field(default_factory=dict)
    """Variables from plugins; they win over all others."""


@dataclass(frozen=True)
class Instance:
    """A started instance."""

    instance_id: str
    job_name: str
    job_version: str
    internal_name: str
    """`host:port` of its first replica, or of what balances them."""
    replica_internal_names: list[str] = field(default_factory=list)


class InstanceDeployer(JobDeployer):
    """A deployer that starts an instance beside the one that serves."""

    @abstractmethod
    def start_instance(self, spec: InstanceSpec) -> Instance:
        """Start it, or return it when it is started already; InstanceNotStarted when that can't be.

        ImageGone when another build can mend that: the deployment then builds and asks again.
        """

    def keep_instance(self, instance_id: str) -> None:
        """Start its replicas again from now on when they end: it has shown that it works. May be called again."""

    @abstractmethod
    def stop_instance(self, instance_id: str, grace_seconds: float) -> None:
        """Ask it to end, wait so long, then force it; nothing happens when it is not there."""

    @abstractmethod
    def has_instance(self, instance_id: str) -> bool:
        """Tell whether the target knows the instance."""

    @abstractmethod
    def check_instance(self, instance_id: str) -> None:
        """Raise JobCrashed when a replica ended, or is not there."""

    @abstractmethod
    def list_instances(self) -> list[Instance]:
        """List all instances that the target knows."""
