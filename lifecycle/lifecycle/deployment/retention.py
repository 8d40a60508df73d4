"""What may be forgotten, and when."""

from datetime import datetime, timedelta

from lifecycle.database.unit_of_work import UnitOfWork

_BUNDLES_ARE_KEPT = timedelta(hours=1)
"""Also when nobody needs them: the job that does may be about to be stored."""
_CHANGES_ARE_KEPT = timedelta(days=1)


def forget_old_rows(uow: UnitOfWork, now: datetime, restorable_deployments: int) -> None:
    """Forget secrets and sources that nobody goes back to, and changes everybody has heard of."""
    uow.deployment_tasks.forget_restorable_but(restorable_deployments)
    uow.bundles.remove_unused(now - _BUNDLES_ARE_KEPT)
    uow.changes.remove_before(now - _CHANGES_ARE_KEPT)
