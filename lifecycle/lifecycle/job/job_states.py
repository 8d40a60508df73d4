"""The states of all jobs, in memory. Before each use, only those are read that changed since the one before."""

from collections.abc import Mapping, Sequence

from racetrack_commons.entities.dto import JobDto

from lifecycle.database.unit_of_work import UnitOfWork

JobKey = tuple[str, str]
"""Name and version of a job."""


class JobStates:
    """The states of all jobs; one thread uses it. Whatever process changed a job, the next reading has it."""

    def __init__(self) -> None:
        self._known: Mapping[JobKey, JobDto] = {}
        self._next_number = 0

    def read(self, uow: UnitOfWork) -> Mapping[JobKey, JobDto]:
        """Return the jobs as they are now. A job that has not changed since is the same object, as is the whole map."""
        changes = uow.jobs.read_state_changes(self._next_number)
        is_older = changes.next_number < self._next_number
        self._apply(changes.changed)
        if len(self._known) != changes.total or is_older:
            # Jobs are gone, or the database was restored from a backup.
            changes = uow.jobs.read_state_changes(0)
            self._known = {}
            self._apply(changes.changed)
        self._next_number = changes.next_number
        return self._known

    def _apply(self, changed: Sequence[JobDto]) -> None:
        read = {(job.name, job.version): job for job in changed}
        # On PostgreSQL, changes are read again while an older transaction goes on.
        news = {key: job for key, job in read.items() if self._known.get(key) != job}
        if news:
            self._known = {**self._known, **news}
