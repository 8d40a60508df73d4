"""Finding a job by its version, or by an alias: `latest`, or a pattern such as `1.x`."""

from collections.abc import Iterable

from racetrack_client.log.errors import EntityNotFound
from racetrack_client.utils.semver import (
    SemanticVersion,
    is_version_pattern,
    matches_version_pattern,
)
from racetrack_commons.entities.dto import JobDto, JobStatus

from lifecycle.database.unit_of_work import UnitOfWork

LATEST = "latest"
_RESOLVABLE = {JobStatus.RUNNING, JobStatus.ERROR, JobStatus.LOST}


def find_job(uow: UnitOfWork, name: str, version: str) -> JobDto | None:
    """Return the job of that version or alias; None when there is none."""
    if is_alias(version):
        pinned = uow.version_pins.find_version(name)
        return find_by_alias(uow.jobs.list_family(name), version, pinned)
    return uow.jobs.find(name, version)


def find_job_to_call(uow: UnitOfWork, name: str, version: str) -> JobDto | None:
    """Return the job that a call reaches, None without one; an alias avoids lost jobs if it can."""
    if is_alias(version):
        pinned = uow.version_pins.find_version(name)
        return find_callable_by_alias(uow.jobs.list_family(name), version, pinned)
    return uow.jobs.find(name, version)


def require_found(job: JobDto | None, name: str, version: str) -> JobDto:
    """Return the job; raise EntityNotFound, which names it, when it is None."""
    if job is None:
        raise EntityNotFound(f"there is no job {name} {version}")
    return job


def is_alias(version: str) -> bool:
    """Return whether a version is an alias, to be resolved among the jobs of a family."""
    return version == LATEST or is_version_pattern(version)


def may_mean(alias: str, version: str) -> bool:
    """Return whether the alias could mean that version."""
    if alias == LATEST:
        return True
    parsed = SemanticVersion.find(version)
    return parsed is not None and _matches(alias, parsed)


def find_by_alias(
    jobs: Iterable[JobDto], alias: str, pinned_version: str | None = None
) -> JobDto | None:
    """Return the job of the pinned version if the alias matches it, else of the highest stable one that it matches.

    Jobs that have never run don't count.
    """
    candidates = [
        (version, job)
        for job in jobs
        if _has_run(job)
        and (version := SemanticVersion.find(job.version)) is not None
        and version.is_stable
        and _matches(alias, version)
    ]
    pinned = next((job for _, job in candidates if job.version == pinned_version), None)
    return pinned or (max(candidates, key=lambda each: each[0])[1] if candidates else None)


def _matches(alias: str, version: SemanticVersion) -> bool:
    return alias == LATEST or matches_version_pattern(alias, version)


def _has_run(job: JobDto) -> bool:
    """Return whether the job has served: one that is started again has an address already."""
    return job.status in _RESOLVABLE or bool(job.internal_name)


def find_callable_by_alias(
    jobs: Iterable[JobDto], alias: str, pinned_version: str | None = None
) -> JobDto | None:
    """Return the job that a call by the alias reaches: a lost one, which can't answer, only if there is no other."""
    jobs = list(jobs)
    found = (job for job in jobs if job.status != JobStatus.LOST)
    reachable = find_by_alias(found, alias, pinned_version)
    return reachable or find_by_alias(jobs, alias, pinned_version)
