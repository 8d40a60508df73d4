"""Whether a job may be deployed: permissions, overwriting, the trash, and deployments at work."""

from datetime import datetime

from racetrack_client.log.errors import AlreadyExists, ValidationError
from racetrack_client.manifest import Manifest
from racetrack_commons.auth.scope import AuthScope

from lifecycle.auth.authenticate import AuthSubject
from lifecycle.auth.authorize import check_job, check_scope
from lifecycle.database.unit_of_work import UnitOfWork


class DeploymentInProgress(AlreadyExists):
    """Another deployment of the same version is at work."""


class JobAlreadyDeployed(AlreadyExists):
    """The same version of the job is already there."""


def check_may_deploy(uow: UnitOfWork, subject: AuthSubject, manifest: Manifest) -> None:
    """Refuse who may not deploy this version, or a new family."""
    if subject.is_internal:
        raise ValidationError(
            f"service {subject.name} can't own a job: deploy with the token of a user or an ESC"
        )
    if uow.families.find(manifest.name) is None:
        check_scope(uow, subject, AuthScope.DEPLOY_NEW_FAMILY)
    else:
        job = uow.jobs.find(manifest.name, manifest.version)
        check_job(uow, subject, manifest.name, job, AuthScope.DEPLOY_JOB)


def check_is_free(uow: UnitOfWork, manifest: Manifest) -> None:
    """Refuse to replace a version, or to take one that was deleted once."""
    job = uow.jobs.find(manifest.name, manifest.version)
    if job is not None:
        raise JobAlreadyDeployed(
            f"job {job} is already deployed: raise the version in job.yaml,"
            " or replace it with `racetrack deploy --force`"
        )
    if uow.trash.has(manifest.name, manifest.version):
        raise JobAlreadyDeployed(
            f"job {manifest.name} {manifest.version} existed before and was deleted:"
            " raise the version in job.yaml, or use it again with `racetrack deploy --force`"
        )


def check_no_deployment(uow: UnitOfWork, job_name: str, job_version: str, now: datetime) -> None:
    """Refuse to begin while another deployment of the same version is at work."""
    uow.deployments.lock_job(job_name, job_version)
    other = uow.deployments.find_in_progress(job_name, job_version)
    if other is not None:
        seconds = max(0, int(now.timestamp()) - other.create_time)
        phase = f", {other.phase}" if other.phase else ""
        raise DeploymentInProgress(
            f"job {job_name} {job_version} is being deployed already"
            f" (by {other.deployed_by}, since {seconds} s{phase}; deployment {other.id}):"
            " wait until it has ended, then try again"
        )
