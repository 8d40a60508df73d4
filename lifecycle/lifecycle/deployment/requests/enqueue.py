"""New deployments: the checks whether one may begin, and the rows by which workers find it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from racetrack_client.entities import AuthScope
from racetrack_client.log.errors import AlreadyExists, ValidationError
from racetrack_client.manifest import Manifest
from racetrack_client.utils.datamodel import convert_to_yaml
from racetrack_commons.entities.dto import DeploymentDto, DeploymentStatus

from lifecycle.auth.authenticate import AuthSubject
from lifecycle.auth.authorize import check_job, check_scope, has_scope
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.deployment.requests.bound_secrets import write_left_out
from lifecycle.domain.deployment import DeploymentTask, DeploymentWork, TaskStep
from lifecycle.job.families import is_new_family


class DeploymentInProgress(AlreadyExists):
    """Another deployment of the same version is in progress."""


class JobAlreadyDeployed(AlreadyExists):
    """The same version of the job is deployed, or was deployed once and deleted."""


@dataclass(frozen=True)
class NewDeployment:
    """A deployment that has passed its checks, with its secrets encrypted."""

    work: DeploymentWork
    first_step: TaskStep
    manifest: Manifest
    infrastructure_target: str
    subject: AuthSubject
    manifest_yaml: str | None = None
    """The manifest as its author wrote it, with comments; None: it is written from `manifest`."""
    left_out: str = ""
    """Why secrets of the job are left out; empty when all are used."""
    id: str | None = None
    """The id that the client made up; None: one is made here."""


def enqueue(uow: UnitOfWork, new: NewDeployment, now: datetime) -> str:
    """Insert the rows of a deployment, and return its id; raise DeploymentInProgress as `check_no_deployment`."""
    name, version = new.manifest.name, new.manifest.version
    check_no_deployment(uow, name, version, now)
    deployment = DeploymentDto(
        id=new.id or str(uuid4()),
        status=DeploymentStatus.IN_PROGRESS,
        create_time=now,
        update_time=now,
        manifest_yaml=_write_manifest(new),
        job_name=name,
        job_version=version,
        deployed_by=new.subject.name,
        infrastructure_target=new.infrastructure_target,
        image_name=next(iter(new.work.image_names), None),
        warnings=new.left_out or None,
    )
    uow.deployments.add(deployment, now, new.subject.id)
    if new.left_out:
        write_left_out(uow, new.manifest, new.subject.name, new.left_out, now)
    uow.deployment_tasks.add(_make_task(deployment.id, new, now))
    return deployment.id


def check_may_deploy(uow: UnitOfWork, subject: AuthSubject, manifest: Manifest) -> None:
    """Refuse callers who may not deploy this version, or a new family; raise NotPermitted or ValidationError."""
    if subject.is_internal:
        raise ValidationError(
            f"service {subject.name} can't own a job: deploy with the token of a user or an ESC"
        )
    name, scope = manifest.name, AuthScope.DEPLOY_NEW_FAMILY
    if uow.families.find(name) is None:
        check_scope(uow, subject, scope)
    elif not (is_new_family(uow, name) and has_scope(uow, subject, scope)):
        job = uow.jobs.find(name, manifest.version)
        check_job(uow, subject, name, job, AuthScope.DEPLOY_JOB)


def check_is_free(uow: UnitOfWork, manifest: Manifest) -> None:
    """Refuse a version that is deployed, or was deleted once; raise JobAlreadyDeployed."""
    job = uow.jobs.find(manifest.name, manifest.version)
    if job is not None:
        raise JobAlreadyDeployed(
            f"job {job} is already deployed: raise the version in job.yaml,"
            " or replace it with `racetrack deploy --force`"
        )
    if uow.trash.has_job(manifest.name, manifest.version):
        raise JobAlreadyDeployed(
            f"job {manifest.name} {manifest.version} existed before and was deleted:"
            " raise the version in job.yaml, or use it again with `racetrack deploy --force`"
        )


def check_no_deployment(uow: UnitOfWork, job_name: str, job_version: str, now: datetime) -> None:
    """Raise DeploymentInProgress during another deployment of the same version; lock the version until the commit."""
    uow.deployments.lock_job(job_name, job_version)
    other = uow.deployments.find_in_progress(job_name, job_version)
    if other is not None:
        seconds = max(0, int(now.timestamp()) - other.create_time)
        phase = f", {other.phase}" if other.phase else ""
        raise DeploymentInProgress(
            f"job {job_name} {job_version} is being deployed already"
            f" (by {other.deployed_by}, since {seconds} s{phase}; deployment {other.id}):"
            f" wait until it has ended (`racetrack attach {other.id}` shows it),"
            f" or end it with `racetrack cancel {other.id}`"
        )


def _write_manifest(new: NewDeployment) -> str:
    return new.manifest_yaml or new.manifest.origin_yaml_ or convert_to_yaml(new.manifest)


def _make_task(deployment_id: str, new: NewDeployment, now: datetime) -> DeploymentTask:
    return DeploymentTask(
        deployment_id=deployment_id,
        step=new.first_step,
        created_at=now,
        auth_subject_id=new.subject.id,
        **dict(new.work),
    )
