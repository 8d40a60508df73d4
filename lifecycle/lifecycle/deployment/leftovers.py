"""What servers before 3.0 left unfinished: their deployments died with the process that was at them."""

from datetime import datetime, timedelta

from racetrack_client.log.logs import get_logger
from racetrack_commons.entities.dto import ChangeKind

from lifecycle.database.unit_of_work import UnitOfWork

logger = get_logger(__name__)

_SURELY_DEAD_AFTER = timedelta(hours=1)
_INTERRUPTED = "the deployment was interrupted by a restart of the server: deploy again"


def end_leftovers(uow: UnitOfWork, now: datetime) -> None:
    """Fail deployments that no worker knows of, and let a sync find out about jobs that nobody is starting."""
    failed = uow.deployments.fail_interrupted(now - _SURELY_DEAD_AFTER, _INTERRUPTED, now)
    if failed:
        logger.warning(f"deployments that were interrupted long ago: {failed}")
    for job in uow.jobs.let_go_of_starting():
        logger.warning(f"nobody is starting job {job} any more")
        uow.record_change(ChangeKind.JOB, job.name)
