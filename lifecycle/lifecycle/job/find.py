"""Finding the job that a caller means."""

from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.entities.dto import JobDto

from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.job.versions import find_by_alias, find_callable_by_alias, is_alias


def find_job(uow: UnitOfWork, name: str, version: str) -> JobDto | None:
    """Find a job by its version or an alias of it."""
    if is_alias(version):
        return find_by_alias(uow.jobs.list_family(name), version)
    return uow.jobs.find(name, version)


def find_job_to_call(uow: UnitOfWork, name: str, version: str) -> JobDto | None:
    """Find the job that a call reaches; by an alias rather an older version than one that is lost."""
    if is_alias(version):
        return find_callable_by_alias(uow.jobs.list_family(name), version)
    return uow.jobs.find(name, version)


def check_found(job: JobDto | None, name: str, version: str) -> JobDto:
    """Return the job, or refuse what is not there."""
    if job is None:
        raise EntityNotFound(f"there is no job {name} {version}")
    return job
