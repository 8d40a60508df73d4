"""Values that services exchange. Times are whole UNIX seconds in UTC.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

import math
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from racetrack_client.entities import Credentials, ImageKind
from racetrack_client.manifest import Manifest


def _whole_seconds(value: object) -> object:
    if isinstance(value, datetime):
        return int(value.timestamp())
    return int(value) if isinstance(value, float) and math.isfinite(value) else value


_END_OF_DATES = 253_402_300_799  # The last second of the year 9999.
UnixSeconds = Annotated[int, BeforeValidator(_whole_seconds), Field(ge=0, le=_END_OF_DATES)]
"""Whole UNIX seconds; the datetimes of rows and the floats of plugins are converted."""


class JobStatus(StrEnum):
    """The status of a job."""

    STARTING = "starting"
    """The job was created and is not ready yet."""
    RUNNING = "running"
    ERROR = "error"
    """The job is on its infrastructure target, and fails."""
    ORPHANED = "orphaned"
    """The job is on an infrastructure target, but the registry does not know it; this status is never stored."""
    LOST = "lost"
    """The registry expects the job, but its infrastructure target does not have it."""


class DeploymentStatus(StrEnum):
    """The status of a deployment."""

    IN_PROGRESS = "in_progress"
    DONE = "done"
    FAILED = "failed"


class RegistryDto(BaseModel):
    """A value of the registry; it can be made from the attributes of a row."""

    model_config = ConfigDict(from_attributes=True)


class JobDto(RegistryDto):
    """A job: one version of a job family, as the registry knows it."""

    name: str
    version: str
    status: str
    create_time: UnixSeconds
    update_time: UnixSeconds
    id: str | None = None
    manifest: Manifest | None = None
    manifest_yaml: str | None = None
    internal_name: str | None = None
    """The `host:port` at which PUB reaches the job."""
    pub_url: str | None = None
    error: str | None = None
    notice: str | None = None
    image_tag: str | None = None
    deployed_by: str | None = None
    last_call_time: UnixSeconds | None = None
    infrastructure_target: str | None = None
    replica_internal_names: list[str] = Field(default_factory=list)
    job_type_version: str = ""
    """The resolved job type, `name:version`."""
    infrastructure_stats: dict[str, Any] = Field(default_factory=dict)
    is_pinned: bool = False
    """True if `latest` means this version, though there may be a higher one; only answers of the API tell it."""

    @property
    def is_first_start(self) -> bool:
        """True while the first deployment of this version goes on: the job has never had an address."""
        return self.status == JobStatus.STARTING and not self.internal_name

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class ListedJob(JobDto):
    """A job in a page of a list, which may leave the manifests out."""

    owner_email: str | None = None
    """The owner that the manifest names; whole lists leave it out."""


class JobFamilyDto(RegistryDto):
    """A job family: all versions of a job, which share its name."""

    name: str
    id: str | None = None


class DeploymentPhase(BaseModel):
    """A phase of a deployment, which ends where the next one or the end of the deployment is."""

    phase: str
    begin_time: float
    """When it began, in UNIX seconds."""


class DeploymentDto(RegistryDto):
    """One attempt to build and provision a job."""

    id: str
    status: DeploymentStatus
    create_time: UnixSeconds
    update_time: UnixSeconds
    manifest_yaml: str
    job_name: str
    job_version: str
    error: str | None = None
    deployed_by: str | None = None
    phase: str | None = None
    image_name: str | None = None
    infrastructure_target: str | None = None
    warnings: str | None = None
    job: JobDto | None = None
    kind: str | None = None
    """Deploy, redeploy, rollback …; only lists of deployments tell it."""
    is_restorable: bool = False
    """True if a rollback can bring it back; only lists of deployments tell it."""
    is_serving: bool = False
    """True if calls go to what it led to; only lists of deployments tell it."""
    is_cancelled: bool = False
    """True if it was cancelled: its status is failed, as older clients expect."""
    phases: list[DeploymentPhase] = Field(default_factory=list)
    """The phases that it has reached, in their order; lists of deployments tell them if they are asked to."""


class BuildPayload(BaseModel):
    """Body of the Image Builder's `POST /api/v1/build` and `/api/v1/build/sse`."""

    manifest: dict[str, Any]
    tag: str
    deployment_id: str
    git_credentials: Credentials | None = None
    secret_build_env: dict[str, str] | None = None
    build_context: str | None = None
    build_flags: list[str] = Field(default_factory=list)
    image_kind: str = ImageKind.DOCKER
    """An `ImageKind`; a kind that the builder does not know is refused with 400."""
    job_type_version: str | None = None
    """The job type that Lifecycle has resolved; null: the builder resolves it."""


class BuildResult(BaseModel):
    """The result of a build."""

    image_names: list[str] = Field(default_factory=list)
    logs: str = ""
    error: str | None = None
    image_tag: str | None = None
    """The tag to provision: the requested one, or that of an image with the same content."""
    job_type_version: str = ""


class JobImage(BaseModel):
    """The image of a job, or all of its images when it has several; they may be of either kind."""

    model_config = ConfigDict(frozen=True)

    job_name: str
    image_tag: str


class PrunePayload(BaseModel):
    """Body of the Image Builder's `POST /api/v1/images/prune`."""

    needed: list[JobImage]
    """The images from which jobs run, to which they may be rolled back, or from which they are about to run."""


class PruneResult(BaseModel):
    """The images and environments that had not been needed for long, and were removed."""

    removed: list[str]
    """The names of the removed images and environments."""


class BuildEventKind(StrEnum):
    """Names of the events in a build's stream; each carries one JSON value as its data."""

    PHASE = "phase"
    """Data: a string, one of the contract's phase texts."""
    LOG = "log"
    """Data: a string, one or more lines."""
    WARNING = "warning"
    """Data: a string."""
    RESULT = "result"
    """Data: `{"result": BuildResult}` or `{"error": text}`. The last event."""


class ChangeKind(StrEnum):
    """The kind of a change; gateways are sent the first four by `GET /api/v1/events`, pages are told all but `auth`."""

    JOB = "job"
    """A job was added, switched, changed its status, or is gone; subject: its name."""
    AUTH = "auth"
    """Tokens, permissions, public endpoints or users changed; subject: null."""
    MAINTENANCE = "maintenance"
    """Maintenance mode went on or off; subject: null."""
    ASYNC_CALL = "async_call"
    """An async call ended; subject: its id."""
    DEPLOYMENT = "deployment"
    """A deployment was added, changed its status or phase, or is gone."""
    AUDIT = "audit"
    USER = "user"
    ESC = "esc"
    TOKEN = "token"  # noqa: S105 - the kind of a row
    PERMISSION = "permission"
    PUBLIC_ENDPOINT = "public_endpoint"
    PLUGIN = "plugin"


GATEWAY_KINDS = frozenset(
    {ChangeKind.JOB, ChangeKind.AUTH, ChangeKind.MAINTENANCE, ChangeKind.ASYNC_CALL}
)
"""The kinds that gateways know; to those of other releases, any other kind means that anything may have changed."""


class ChangeEvent(BaseModel):
    """One line of Lifecycle's event stream."""

    id: int
    kind: ChangeKind
    subject: str | None = None


class JobCallAuthData(BaseModel):
    """Answer of `GET /api/v1/auth/can-call-job/…`: the caller may call this job."""

    job: JobDto
    caller: str | None = None
    remote_gateway_url: str | None = None
    remote_gateway_token: str | None = None
    valid_seconds: float | None = None
    """Seconds until the caller's token expires; the answer is good no longer. None: it does not expire."""
    instance_secret: str | None = Field(default=None, repr=False)
    """The secret that the job's instance proves to know, for services of the platform only; None if it knows none."""
