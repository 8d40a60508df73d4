"""Instances, the running copies of a job, and the processes that run their replicas."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field
from racetrack_client.manifest import Manifest


class InstanceState(StrEnum):
    """Where an instance is in its life."""

    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"
    """Gets no new calls; is stopped when its time has come."""


class JobInstance(BaseModel):
    """One running copy of a job, made by one deployment whose id it has."""

    model_config = ConfigDict(from_attributes=True)

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


class ProcessState(StrEnum):
    """Where a process is in its life."""

    STARTING = "starting"
    """Its port is taken for it; its pid is not known yet."""
    STARTED = "started"
    STOPPING = "stopping"
    """Being ended: nobody may start it again."""


class JobProcess(BaseModel):
    """One replica of an instance."""

    model_config = ConfigDict(from_attributes=True)

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
