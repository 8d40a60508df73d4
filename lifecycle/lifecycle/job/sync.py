"""Updating the registry to the state of the targets; no other code writes the observed status of jobs."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from racetrack_client.log.logs import get_logger
from racetrack_commons.deploy.resource import job_resource_name
from racetrack_commons.entities.dto import ChangeKind, JobDto, JobStatus

from lifecycle.config import Config
from lifecycle.database.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lifecycle.infrastructure.model import InfrastructureTarget
from lifecycle.infrastructure.registry import InfrastructureRegistry
from lifecycle.job.job_states import JobStates

logger = get_logger(__name__)


@dataclass(frozen=True)
class ObservedJobs:
    """The jobs that all targets reported."""

    by_resource_name: dict[str, list[JobDto]] = field(default_factory=dict)
    """Jobs by their resource names. A job that has just moved is on two targets until the old instance is stopped."""
    failed_targets: set[str] = field(default_factory=set)
    """Targets that could not be asked, so that nothing is known of their jobs."""

    def find(self, job: JobDto) -> JobDto | None:
        """Return the report of a job, preferably from the target that the registry names; None without one."""
        seen = self.by_resource_name.get(job_resource_name(job.name, job.version), [])
        at_home = [each for each in seen if each.infrastructure_target == job.infrastructure_target]
        if not at_home and job.infrastructure_target in self.failed_targets:
            return None
        return next(iter(at_home or seen), None)


@dataclass(frozen=True)
class SyncResult:
    """The result of one sync."""

    changed: list[JobDto]
    """The jobs that were stored with a new state."""
    orphaned: list[JobDto]
    """The jobs that are on a target but not in the registry; they are left alone."""


def sync_jobs(
    unit_of_work: UnitOfWorkFactory,
    infrastructure: InfrastructureRegistry,
    config: Config,
    available_job_types: set[str] | None = None,
    states: JobStates | None = None,
) -> SyncResult:
    """Ask every target for its jobs, and store the new states.

    With the `states` of the sync before, only those are read that changed since.

    `available_job_types` is None when the job types are not known. Jobs that were deployed or
    deleted while the targets were asked are left alone, because the reports are older than they are.
    """
    states = JobStates() if states is None else states
    with unit_of_work.reading() as uow:
        before = states.read(uow)
    observed = observe(infrastructure.collect_targets(), config)
    with unit_of_work.reading() as uow:
        decided = [
            (job, _decide(job, observed, available_job_types))
            for job in states.read(uow).values()
            # The deployment in progress decides about the status of a job that starts for the first time.
            if _is_unchanged(job, before.get((job.name, job.version))) and not job.is_first_start
        ]
    changes = [(old, new) for old, new in decided if new is not old and new != old]
    # In the order in which gateways note calls: transactions that write the same rows in different orders deadlock.
    changes.sort(key=lambda pair: (pair[0].name, pair[0].version))
    if changes:
        with unit_of_work() as uow:
            changes = [pair for pair in changes if _store(uow, *pair)]
    orphaned = _collect_orphaned(observed, before.values())
    return SyncResult([new for _, new in changes], orphaned)


def observe(targets: dict[str, InfrastructureTarget], config: Config) -> ObservedJobs:
    """Ask every target for its jobs; the failure of one target is logged, and the others are asked all the same."""
    observed = ObservedJobs()
    for name, target in targets.items():
        if target.job_monitor is None:
            continue
        try:
            jobs = list(target.job_monitor.list_jobs(config))
        except Exception as error:  # noqa: BLE001 - monitors of plugins raise what they like
            logger.warning(f"jobs of infrastructure target {name} can't be listed: {error}")
            observed.failed_targets.add(name)
            continue
        for job in jobs:
            seen = job
            if not job.infrastructure_target:
                seen = job.model_copy(update={"infrastructure_target": name})
            resource_name = job_resource_name(job.name, job.version)
            observed.by_resource_name.setdefault(resource_name, []).append(seen)
    return observed


def _is_unchanged(job: JobDto, before: JobDto | None) -> bool:
    """Return whether a job is as it was before; calls don't count, because those of a busy job never stop."""
    if job is before:
        return True
    return before is not None and before == job.model_copy(
        update={"last_call_time": before.last_call_time}
    )


def _decide(job: JobDto, observed: ObservedJobs, available_job_types: set[str] | None) -> JobDto:
    """Return the job with its new state; the result equals `job` when nothing has changed."""
    seen = observed.find(job)
    if seen is None and job.infrastructure_target in observed.failed_targets:
        return job
    if seen is None:
        return job.model_copy(update=_describe_lost(job))
    state = {
        "status": JobStatus(seen.status),
        "error": seen.error,
        "notice": _join_notices(seen.notice, job.job_type_version, available_job_types),
        "internal_name": seen.internal_name or job.internal_name,
        "replica_internal_names": seen.replica_internal_names,
        "infrastructure_target": seen.infrastructure_target or job.infrastructure_target,
        "infrastructure_stats": seen.infrastructure_stats,
        "last_call_time": _later(job.last_call_time, seen.last_call_time),
    }
    # Copying thousands of jobs that have not changed would take a good part of a second.
    is_same = all(getattr(job, name) == value for name, value in state.items())
    return job if is_same else job.model_copy(update=state)


def _describe_lost(desired: JobDto) -> dict[str, Any]:
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


def _store(uow: UnitOfWork, old: JobDto, new: JobDto) -> bool:
    if not _is_unchanged(old, uow.jobs.find_state(old.name, old.version)):
        return False
    uow.jobs.save(new)
    if _is_news(old, new):
        uow.record_change(ChangeKind.JOB, new.name)
        logger.info(f"job {new} is {new.status}" + (f": {new.error}" if new.error else ""))
    return True


def _is_news(old: JobDto, new: JobDto) -> bool:
    """Return whether PUB and dashboards must learn of the change; new statistics alone don't count."""
    return (old.status, old.internal_name, old.replica_internal_names) != (
        new.status,
        new.internal_name,
        new.replica_internal_names,
    )


def _collect_orphaned(observed: ObservedJobs, known: Iterable[JobDto]) -> list[JobDto]:
    names = {job_resource_name(job.name, job.version) for job in known}
    orphaned = [
        job for name, jobs in observed.by_resource_name.items() if name not in names for job in jobs
    ]
    for job in orphaned:
        logger.warning(
            f"job {job} runs on infrastructure target {job.infrastructure_target},"
            " but the registry does not know it"
        )
    return orphaned
