"""Retention: when old rows are forgotten; also the end of deployments that servers before 3.0 left unfinished."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from racetrack_client.log.logs import get_logger
from racetrack_commons.entities.dto import ChangeKind

from lifecycle.config import Config
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.deployment import RECONCILER

logger = get_logger(__name__)

DEPLOYMENTS_AT_ONCE = 200
"""The most deployments that one transaction forgets: others wait briefly, and an interrupted run loses little."""
_BUNDLES_ARE_KEPT = timedelta(hours=1)
"""The age until which unused bundles stay as well: the job that uses one may be about to be stored."""
_CHANGES_ARE_KEPT = timedelta(days=1)
_ATTEMPTS_ARE_KEPT = timedelta(days=1)
_SURELY_DEAD_AFTER = timedelta(hours=1)
_INTERRUPTED = "the deployment was interrupted by a restart of the server: deploy again"


@dataclass(frozen=True)
class Retention:
    """The limits of what an installation keeps; None means no limit."""

    restorable_deployments: int
    """The number of deployments of each job that a rollback can restore."""
    async_calls: timedelta
    """The time since a call started."""
    deployments: timedelta | None = None
    """The time since a deployment ended."""
    deployments_per_job: int | None = None
    """The number of the newest deployments of each job that stay, whatever their age."""
    audit_events: timedelta | None = None
    login_attempts: timedelta = _ATTEMPTS_ARE_KEPT
    calls: timedelta | None = None
    """The time since the day of the calls."""
    unused_accounts: timedelta | None = None
    """The time since the registration of a user who never became active."""

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
            calls=_days(config.call_retention_days),
            unused_accounts=_days(config.unused_account_days),
        )


def forget_old_rows(uow: UnitOfWork, now: datetime, retention: Retention) -> None:
    """Forget secrets and sources that no rollback can use, and old calls, events, sessions, log-ins and changes."""
    forgotten = {
        "secrets": uow.deployment_tasks.delete_secrets_beyond(
            retention.restorable_deployments, RECONCILER
        ),
        "async calls": uow.async_calls.remove_before(now - retention.async_calls),
        "sources": uow.bundles.remove_unused(now - _BUNDLES_ARE_KEPT),
    }
    if retention.audit_events is not None:
        forgotten["audit events"] = uow.audit.remove_before(now - retention.audit_events)
    if retention.calls is not None:
        forgotten["counts of calls"] = uow.calls.remove_before((now - retention.calls).date())
    if retention.unused_accounts is not None:
        forgotten["unused accounts"] = uow.users.remove_unused(now - retention.unused_accounts)
    uow.changes.remove_before(now - _CHANGES_ARE_KEPT)
    uow.browser_sessions.remove_ended(now)
    uow.login_attempts.remove_before(now - retention.login_attempts)
    if told := [f"{count} {what}" for what, count in forgotten.items() if count]:
        logger.info(f"forgot rows that are no longer needed: {', '.join(told)}")


def forget_old_deployments(uow: UnitOfWork, now: datetime, retention: Retention) -> int:
    """Forget some old deployments with their build logs; return their number, 0 when none is left."""
    before = None if retention.deployments is None else now - retention.deployments
    count = uow.deployments.remove_unneeded(
        before, retention.deployments_per_job, limit=DEPLOYMENTS_AT_ONCE
    )
    if count:
        logger.info(f"forgot {count} old deployments")
    return count


def end_leftovers(uow: UnitOfWork, now: datetime) -> None:
    """Fail old deployments without a task; let a sync find the state of jobs that no deployment is starting.

    Servers before 3.0 leave such rows: their deployments ended with the process that carried them out.
    """
    failed = uow.deployments.fail_interrupted(now - _SURELY_DEAD_AFTER, _INTERRUPTED, now)
    if failed:
        logger.warning(f"deployments that were interrupted long ago: {failed}")
    for job in uow.jobs.mark_abandoned_as_lost():
        logger.warning(f"job {job} was starting, but no deployment starts it any more")
        uow.record_change(ChangeKind.JOB, job.name)


def _days(number: int) -> timedelta | None:
    return timedelta(days=number) if number else None
