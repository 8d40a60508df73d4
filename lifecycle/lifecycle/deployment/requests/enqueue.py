"""The rows by which workers learn of a new deployment."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from racetrack_client.manifest import Manifest
from racetrack_client.utils.datamodel import convert_to_yaml
from racetrack_commons.entities.dto import DeploymentDto, DeploymentStatus

from lifecycle.auth.authenticate import AuthSubject
from lifecycle.database.repositories.deployment_tasks import DeploymentTask, TaskKind, TaskStep
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.deployment.requests.guard import check_no_deployment


@dataclass(frozen=True)
class NewDeployment:
    """What is wanted."""

    kind: TaskKind
    first_step: TaskStep
    manifest: Manifest
    infrastructure_target: str
    image_kind: str
    secrets: bytes = field(repr=False)
    subject: AuthSubject
    source_digest: str | None = None
    build_flags: list[str] = field(default_factory=list)
    force: bool = False
    manifest_yaml: str | None = None
    """The text to keep, with its comments; None: written from the manifest."""
    image_tag: str | None = None
    image_names: list[str] = field(default_factory=list)
    job_type_version: str = ""


def enqueue(uow: UnitOfWork, new: NewDeployment, now: datetime) -> str:
    """Insert the rows of a deployment; DeploymentInProgress when one of this job is at work."""
    name, version = new.manifest.name, new.manifest.version
    check_no_deployment(uow, name, version, now)
    deployment = DeploymentDto(
        id=str(uuid4()),
        status=DeploymentStatus.IN_PROGRESS,
        create_time=now,
        update_time=now,
        manifest_yaml=_write_manifest(new),
        job_name=name,
        job_version=version,
        deployed_by=new.subject.name,
        infrastructure_target=new.infrastructure_target,
        image_name=next(iter(new.image_names), None),
    )
    uow.deployments.add(deployment, now)
    uow.deployment_tasks.add(_make_task(deployment.id, new, now))
    return deployment.id


def _write_manifest(new: NewDeployment) -> str:
    return new.manifest_yaml or new.manifest.origin_yaml_ or convert_to_yaml(new.manifest)


def _make_task(deployment_id: str, new: NewDeployment, now: datetime) -> DeploymentTask:
    return DeploymentTask(
        deployment_id=deployment_id,
        kind=new.kind,
        step=new.first_step,
        created_at=now,
        force=new.force,
        build_flags=new.build_flags,
        source_digest=new.source_digest,
        secrets=new.secrets,
        image_kind=new.image_kind,
        image_tag=new.image_tag,
        image_names=new.image_names,
        job_type_version=new.job_type_version,
        auth_subject_id=new.subject.id,
    )
