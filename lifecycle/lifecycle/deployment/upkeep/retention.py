"""What may be forgotten, and when."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from racetrack_client.log.logs import get_logger
from racetrack_commons.entities.dto import ChangeKind

from lifecycle.config import Config
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.deployment.steps.audit import RECONCILER

logger = get_logger(__name__)

DEPLOYMENTS_AT_ONCE = 200
"""So many are forgotten in one transaction: nobody else waits long, and one that was killed goes on where it was."""
_BUNDLES_ARE_KEPT = timedelta(hours=1)
"""Also when nobody needs them: the job that does may be about to be stored."""
_CHANGES_ARE_KEPT = timedelta(days=1)
_ATTEMPTS_ARE_KEPT = timedelta(days=1)
_SURELY_DEAD_AFTER = timedelta(hours=1)
_INTERRUPTED = "the deployment was interrupted by a restart of the server: deploy again"


@dataclass(frozen=True)
class Retention:
    """How much an installation keeps; None: for ever."""

    restorable_deployments: int
    """Of each job."""
    async_calls: timedelta
    """Since they started."""
    deployments: timedelta | None = None
    """Since they ended."""
    deployments_per_job: int | None = None
    """So many of the newest, whatever their age."""
    audit_events: timedelta | None = None
    login_attempts: timedelta = _ATTEMPTS_ARE_KEPT

    @classmethod
    def of_config(cls, config: Config) -> "Retention":
        """Read the settings."""
        window = timedelta(minutes=config.login_attempts_minutes)
        return cls(
            config.restorable_deployments,
            async_calls=timedelta(seconds=config.async_job_call_lifetime),
            deployments=_days(config.deployment_retention_days),
            deployments_per_job=config.max_kept_deployments or None,
            audit_events=_days(config.audit_retention_days),
            login_attempts=max(window, _ATTEMPTS_ARE_KEPT),
        )


def forget_old_rows(uow: UnitOfWork, now: datetime, retention: Retention) -> None:
    """Forget secrets and sources that nobody goes back to, and old calls, events, log-ins and changes."""
    forgotten = {
        "secrets": uow.deployment_tasks.forget_restorable_but(
            retention.restorable_deployments, RECONCILER
        ),
        "async calls": uow.async_calls.remove_before(now - retention.async_calls),
        "sources": uow.bundles.remove_unused(now - _BUNDLES_ARE_KEPT),
    }
    if retention.audit_events is not None:
        forgotten["audit events"] = uow.audit.remove_before(now - retention.audit_events)
    uow.changes.remove_before(now - _CHANGES_ARE_KEPT)
    uow.login_attempts.remove_before(now - retention.login_attempts)
    if told := [f"{count} {what}" for what, count in forgotten.items() if count]:
        logger.info(f"forgot what nobody needs any more: {', '.join(told)}")


def forget_old_deployments(uow: UnitOfWork, now: datetime, retention: Retention) -> int:
    """Forget some old deployments with their build logs; return how many, 0 when there are no more."""
    before = None if retention.deployments is None else now - retention.deployments
    count = uow.deployments.remove_unneeded(
        before, retention.deployments_per_job, limit=DEPLOYMENTS_AT_ONCE
    )
    if count:
        logger.info(f"forgot {count} old deployments")
    return count


def end_leftovers(uow: UnitOfWork, now: datetime) -> None:
    """Fail deployments that no worker knows of, and let a sync find out about jobs that nobody is starting."""
    failed = uow.deployments.fail_interrupted(now - _SURELY_DEAD_AFTER, _INTERRUPTED, now)
    if failed:
        logger.warning(f"deployments that were interrupted long ago: {failed}")
    for job in uow.jobs.let_go_of_starting():
        logger.warning(f"nobody is starting job {job} any more")
        uow.record_change(ChangeKind.JOB, job.name)


def _days(number: int) -> timedelta | None:
    return timedelta(days=number) if number else None
