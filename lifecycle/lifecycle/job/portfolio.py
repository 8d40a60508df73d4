"""Rating jobs by how much their removal would tidy up: each fault of a job adds to its score."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel
from racetrack_client.utils.semver import SemanticVersion
from racetrack_commons.entities.dto import JobStatus, ListedJob

_SECONDS_A_DAY = 86400
_LOST, _FAILING, _NOT_CALLED, _OUTDATED = 50, 20, 10, 5
_DAYS_UNTIL_FORGOTTEN = 30
_NEWER_VERSIONS_UNTIL_OUTDATED = 5


class RateableJob(Protocol):
    """The values of a job on which its rating depends."""

    @property
    def name(self) -> str:
        """The name of its family."""

    @property
    def version(self) -> str:
        """Its version."""

    @property
    def status(self) -> str:
        """Its `JobStatus`."""

    @property
    def update_time(self) -> int:
        """When it was last deployed, in UNIX seconds."""

    @property
    def last_call_time(self) -> int | None:
        """When it was last called, in UNIX seconds."""


_Job = TypeVar("_Job", bound=RateableJob)


class JobRating(BaseModel):
    """The score of a job, and the reasons to remove it."""

    purge_score: float
    """The sum of the penalties, from 0 to 65."""
    purge_reasons: str
    """The reasons, one sentence a line."""
    purge_newer_versions: int
    """The number of higher versions in the job's family."""
    update_time_days_ago: float | None
    last_call_time_days_ago: float | None


class PortfolioJob(ListedJob, JobRating):
    """A job with its rating."""


@dataclass(frozen=True)
class RatedJob(Generic[_Job]):
    """A job and its rating."""

    job: _Job
    rating: JobRating


def rate_jobs(jobs: Sequence[_Job], now: datetime) -> list[RatedJob[_Job]]:
    """Rate the jobs, the highest score first; versions are compared among `jobs`."""
    versions: dict[str, list[SemanticVersion]] = defaultdict(list)
    for job in jobs:
        if version := SemanticVersion.find(job.version):
            versions[job.name].append(version)
    for of_family in versions.values():
        of_family.sort()
    rated = [RatedJob(job, _rate(job, versions[job.name], now)) for job in jobs]
    return sorted(rated, key=lambda each: each.rating.purge_score, reverse=True)


def _rate(job: RateableJob, versions: Sequence[SemanticVersion], now: datetime) -> JobRating:
    version = SemanticVersion.find(job.version)
    newer = len(versions) - bisect_right(versions, version) if version else 0
    updated = _find_days_ago(job.update_time, now)
    called = _find_days_ago(job.last_call_time, now)
    penalties = [
        *_judge_status(job),
        *_judge_calls(updated or 0, called),
        *_judge_newer_versions(newer),
    ]
    return JobRating(
        purge_score=sum(penalty for penalty, _ in penalties),
        purge_reasons="\n".join(reason for _, reason in penalties),
        purge_newer_versions=newer,
        update_time_days_ago=updated,
        last_call_time_days_ago=called,
    )


def _judge_status(job: RateableJob) -> Iterator[tuple[float, str]]:
    if job.status == JobStatus.LOST:
        yield _LOST, "The job is lost: redeploy it, or remove it."
    elif job.status == JobStatus.ERROR:
        yield _FAILING, "The job is failing: fix it, or remove it."


def _judge_calls(updated: float, called: float | None) -> Iterator[tuple[float, str]]:
    if updated < 1:
        return
    if called is None:
        yield _NOT_CALLED, "The job was never called."
    elif called > 1:
        share = min(called / _DAYS_UNTIL_FORGOTTEN, 1)
        yield _NOT_CALLED * share, f"The job was not called for {called:.1f} days."


def _judge_newer_versions(newer: int) -> Iterator[tuple[float, str]]:
    if newer:
        share = min(newer / _NEWER_VERSIONS_UNTIL_OUTDATED, 1)
        reason = "There is a newer version." if newer == 1 else f"There are {newer} newer versions."
        yield _OUTDATED * share, reason


def _find_days_ago(seconds: int | None, now: datetime) -> float | None:
    return (now.timestamp() - seconds) / _SECONDS_A_DAY if seconds else None
