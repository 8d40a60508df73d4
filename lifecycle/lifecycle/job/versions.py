"""What `latest` and patterns such as `1.x` mean in a family of jobs."""

from collections.abc import Iterable

from racetrack_client.utils.semver import (
    SemanticVersion,
    is_version_pattern,
    matches_version_pattern,
)
from racetrack_commons.entities.dto import JobDto, JobStatus

LATEST = "latest"
_RESOLVABLE = {JobStatus.RUNNING, JobStatus.ERROR, JobStatus.LOST}


def is_alias(version: str) -> bool:
    """Tell whether a version has to be looked up in its family."""
    return version == LATEST or is_version_pattern(version)


def find_by_alias(jobs: Iterable[JobDto], alias: str) -> JobDto | None:
    """Find the highest stable version that the alias means; jobs that never ran don't count."""
    candidates = [
        (version, job)
        for job in jobs
        if job.status in _RESOLVABLE
        and (version := SemanticVersion.find(job.version)) is not None
        and version.is_stable
        and (alias == LATEST or matches_version_pattern(alias, version))
    ]
    return max(candidates, key=lambda candidate: candidate[0])[1] if candidates else None


def find_callable_by_alias(jobs: Iterable[JobDto], alias: str) -> JobDto | None:
    """Find what a call by the alias shall reach: a lost job answers nobody, so it is meant only when there is no other."""
    jobs = list(jobs)
    found = (job for job in jobs if job.status != JobStatus.LOST)
    return find_by_alias(found, alias) or find_by_alias(jobs, alias)
