"""Deployments as workers see them: the kind and next step of a task, and the lease to work on it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import Field
from racetrack_client.entities import ImageKind
from racetrack_commons.entities.dto import RegistryDto

RECONCILER = "racetrack"
"""The deployer of lost jobs that are started again."""


_CANCELLED = "cancelled by "


def describe_cancellation(username: str) -> str:
    """Return the error of a deployment that a user cancelled."""
    return f"{_CANCELLED}{username}"


def is_cancellation(error: str | None) -> bool:
    """Return whether the error of a deployment says that it was cancelled."""
    return (error or "").startswith(_CANCELLED)


class TaskKind(StrEnum):
    """The kinds of deployments."""

    DEPLOY = "deploy"
    BUILD = "build"
    """Build the image only."""
    REDEPLOY = "redeploy"
    """Build a new image from the same source, and deploy it."""
    REPROVISION = "reprovision"
    """Start the same image again."""
    MOVE = "move"
    """Start the same job on another infrastructure target."""
    ROLLBACK = "rollback"
    """Restore image, manifest and secrets of an earlier deployment."""


class TaskStep(StrEnum):
    """The next step of a deployment; every step can be repeated."""

    BUILD = "build"
    PROVISION = "provision"
    SWITCH = "switch"
    FINISH = "finish"
    ENDED = "ended"


class DeploymentWork(RegistryDto, frozen=True):
    """The work of a deployment, and the image, source and secrets that it starts from."""

    kind: TaskKind
    force: bool = False
    """True if the version may be deployed already."""
    build_flags: list[str] = Field(default_factory=list)
    source_digest: str | None = None
    """The digest of the source bundle; None when the manifest's git remote is cloned."""
    secrets: bytes | None = Field(None, repr=False)
    """Encrypted; None for ended deployments that no rollback can restore."""
    image_kind: str = ImageKind.DOCKER
    image_tag: str | None = None
    """The tag of the image that is there already; None before the build."""
    image_names: list[str] = Field(default_factory=list)
    job_type_version: str = ""


class DeploymentTask(DeploymentWork, frozen=True):
    """The worker's side of a deployment."""

    deployment_id: str
    step: TaskStep
    created_at: datetime
    attempt: int = 0
    """The number of claims so far; a worker with an older number must not write any more."""
    lease_owner: str | None = None
    lease_expires_at: datetime | None = None
    auth_subject_id: str | None = None
    """The subject that gets permissions on the job when this is its first deployment."""


@dataclass(frozen=True)
class Lease:
    """The right to work on a deployment, until another attempt begins."""

    deployment_id: str
    owner: str
    attempt: int


class LeaseLost(Exception):
    """Another worker has taken the deployment over; this one must not write any more."""


class Phase(StrEnum):
    """Texts that clients show and the contract fixes; the Image Builder adds phases of its own while it builds."""

    BUILDING_IMAGE = "building image"
    CREATING_RESOURCES = "creating cluster resources"
    STARTING_SERVER = "starting Job server"
    INITIALIZING_ENTRYPOINT = "initializing Job entrypoint"
    POST_DEPLOY_HOOKS = "post-deploy hooks"
    CLEARING_FORMER_TARGET = "deleting job from a former infrastructure"
