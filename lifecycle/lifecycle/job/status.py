"""The one decision about a job's status: what was deployed against what its target shows."""

from dataclasses import dataclass, field
from typing import Any

from racetrack_commons.entities.dto import JobDto, JobStatus


@dataclass(frozen=True)
class Observation:
    """What an infrastructure target showed of one job."""

    job: JobDto
    """As the target's monitor describes it."""
    internal_name: str | None = None
    replica_internal_names: list[str] = field(default_factory=list)


def decide(
    desired: JobDto, observed: Observation | None, available_job_types: set[str] | None
) -> JobDto:
    """Return the job as the registry should know it; an equal job means: nothing changed.

    `available_job_types` is None when it is not known which job types there are.
    """
    if desired.status == JobStatus.STARTING:
        return desired  # A deployment is at work on it, and says how it ended.
    if observed is None:
        return desired.model_copy(update=_lost(desired))
    seen = observed.job
    return desired.model_copy(
        update={
            "status": JobStatus(seen.status),
            "error": seen.error,
            "notice": _join_notices(seen.notice, desired.job_type_version, available_job_types),
            "internal_name": observed.internal_name or desired.internal_name,
            "replica_internal_names": observed.replica_internal_names,
            "infrastructure_target": seen.infrastructure_target or desired.infrastructure_target,
            "infrastructure_stats": seen.infrastructure_stats,
            "last_call_time": _later(desired.last_call_time, seen.last_call_time),
        }
    )


def _lost(desired: JobDto) -> dict[str, Any]:
    if desired.status == JobStatus.LOST:
        return {}
    target = desired.infrastructure_target
    return {
        "status": JobStatus.LOST,
        "error": f"{desired} was not found on infrastructure target {target};"
        " reprovision it to start it again from its image",
    }


def _join_notices(
    notice: str | None, job_type_version: str, available_job_types: set[str] | None
) -> str:
    notices = [part.strip() for part in (notice or "").split(";") if part.strip()]
    if available_job_types is not None and job_type_version not in available_job_types:
        notices.append(
            f"job type {job_type_version or '(unknown)'} is not available any more:"
            " install its plugin, or redeploy with another version of the job type"
        )
    return "; ".join(notices)


def _later(known: int | None, seen: int | None) -> int | None:
    return max((moment for moment in (known, seen) if moment is not None), default=None)
