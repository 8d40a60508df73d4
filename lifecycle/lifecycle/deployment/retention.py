"""What may be forgotten, and when."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from lifecycle.config import Config
from lifecycle.database.unit_of_work import UnitOfWork

_BUNDLES_ARE_KEPT = timedelta(hours=1)
"""Also when nobody needs them: the job that does may be about to be stored."""
_CHANGES_ARE_KEPT = timedelta(days=1)
_ATTEMPTS_ARE_KEPT = timedelta(days=1)
"""Longer than any window they are counted in."""


@dataclass(frozen=True)
class Retention:
    """How much an installation keeps."""

    restorable_deployments: int
    """Of each job."""
    async_calls: timedelta
    """Since they started."""

    @classmethod
    def of_config(cls, config: Config) -> "Retention":
        """Read the settings."""
        lifetime = timedelta(seconds=config.async_job_call_lifetime)
        return cls(config.restorable_deployments, async_calls=lifetime)


def forget_old_rows(uow: UnitOfWork, now: datetime, retention: Retention) -> None:
    """Forget secrets and sources that nobody goes back to, old async calls, and changes everybody has heard of."""
    uow.deployment_tasks.forget_restorable_but(retention.restorable_deployments)
    uow.async_calls.remove_before(now - retention.async_calls)
    uow.bundles.remove_unused(now - _BUNDLES_ARE_KEPT)
    uow.changes.remove_before(now - _CHANGES_ARE_KEPT)
    uow.login_attempts.remove_before(now - _ATTEMPTS_ARE_KEPT)
