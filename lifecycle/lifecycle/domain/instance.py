"""Instances, the running copies of a job, and the processes that run their replicas."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import Field
from racetrack_client.manifest import Manifest
from racetrack_commons.entities.dto import RegistryDto


class InstanceState(StrEnum):
    """The states of an instance."""

    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"
    """Gateways are learning that it gets no new calls; then it is asked to end."""
    ENDING = "ending"
    """It was asked to end once its calls have ended; it is killed when its time is over."""


class JobInstance(RegistryDto):
    """One running copy of a job; it has the id of the deployment that made it."""

    id: str
    job_name: str
    job_version: str
    infrastructure_target: str
    state: InstanceState
    create_time: datetime
    internal_name: str | None = None
    replica_internal_names: list[str] = Field(default_factory=list)
    image_tag: str = ""
    drain_until: datetime | None = None
    is_in_place: bool = False
    """True if a plugin's target started it, which knows it by the job's name and version."""
    proves_itself: bool = False
    """True if it has proven to know its secret: then whatever does not is taken for another program."""


@dataclass(frozen=True)
class InstanceSpec:
    """All that a deployer needs to start an instance."""

    instance_id: str
    """The id of the deployment that makes it."""
    manifest: Manifest
    image_tag: str
    image_names: list[str]
    deployment_timestamp: int
    """UNIX seconds; the job reports it at `/live`."""
    runtime_env: dict[str, str] = field(default_factory=dict)
    secret_runtime_env: dict[str, str] = field(default_factory=dict, repr=False)
    family_token: str = field(default="", repr=False)
    """The token with which the job calls other jobs."""
    instance_secret: str = field(default="", repr=False)
    """The secret by which it proves itself, and recognises the services of the platform."""
    plugin_env: dict[str, str] = field(default_factory=dict)
    """Variables from plugins; they override all others."""


@dataclass(frozen=True)
class Instance:
    """A started instance, as its deployer knows it."""

    instance_id: str
    job_name: str
    job_version: str
    internal_name: str
    """`host:port` of its first replica, or of what balances them."""
    replica_internal_names: list[str] = field(default_factory=list)
    proves_itself: bool = False
    """True if all its replicas have proven to know its secret."""


class ProcessState(StrEnum):
    """The states of a process."""

    STARTING = "starting"
    """Its port is reserved; its pid is not known yet."""
    STARTED = "started"
    STOPPING = "stopping"
    """It is being stopped, and must not be started again."""


class JobProcess(RegistryDto):
    """The process that runs one replica of an instance."""

    id: str
    instance_id: str
    job_name: str
    job_version: str
    replica: int
    port: int
    state: ProcessState
    launch: bytes
    log_path: str
    create_time: datetime
    pid: int | None = None
    pid_create_time: float | None = None
    restarts: int = 0
    next_start_at: datetime | None = None
    peak_memory_bytes: int | None = None
    memory_kill: str | None = None
    """A phrase that tells users how its last kill for want of memory came about."""
