"""All jobs as lists find and sort them, in memory. Before each list, only those are read that changed since the one before.

Whatever process changed a job, the next list shows it: a trigger of the database numbers the changes.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter

from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.entities.list_orders import JobOrder

from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.auth import Sight
from lifecycle.domain.indexed_jobs import IndexedJob, JobChanges
from lifecycle.domain.listed_jobs import WantedJobs

_RANKS: dict[str, int] = {JobStatus.ERROR: 0, JobStatus.RUNNING: 2}
_RANK_BETWEEN = 1


class JobIndex:
    """The jobs of the platform. Several threads use it, with units of work that only read."""

    def __init__(self) -> None:
        self._newest = SeenJobs()

    def read(self, uow: UnitOfWork, sight: Sight) -> "SeenJobs":
        """Return the jobs that the caller may see, as they are now."""
        jobs = self._read(uow)
        return jobs if sight.is_complete else jobs.keep(uow.job_lists.list_seen(sight))

    def _read(self, uow: UnitOfWork) -> "SeenJobs":
        known = self._newest
        changes = uow.job_lists.read_changes(known.next_number)
        jobs = known.apply(changes)
        if len(jobs.by_name) != changes.total or changes.next_number < known.next_number:
            # Jobs are gone, or the database was restored from a backup.
            jobs = SeenJobs().apply(uow.job_lists.read_changes(0))
        self._newest = jobs
        return jobs


@dataclass(frozen=True)
class SeenJobs:
    """The jobs that a caller may see, at one moment, by name; the highest version of a family first."""

    by_name: Sequence[IndexedJob] = ()
    next_number: int = 0
    arranged: dict[JobOrder, "_Arrangement"] = field(default_factory=dict, compare=False)
    """The same jobs in the orders that were asked for."""

    def find(self, wanted: WantedJobs) -> list[IndexedJob]:
        """Return the wanted jobs, in their order; no two have the same place in it."""
        if wanted.order not in self.arranged:
            self.arranged[wanted.order] = _arrange(self.by_name, wanted.order)
        found = _filter(self.arranged[wanted.order].search(wanted.words), wanted)
        return found[::-1] if wanted.is_reversed else found

    def keep(self, ids: Collection[str]) -> "SeenJobs":
        """Return the jobs with these ids."""
        return SeenJobs([job for job in self.by_name if job.id in ids], self.next_number)

    def apply(self, changes: JobChanges) -> "SeenJobs":
        """Return the jobs after the changes."""
        if not changes.changed:
            return replace(self, next_number=changes.next_number)
        ids = {job.id for job in changes.changed}
        jobs = [job for job in self.by_name if job.id not in ids]
        # Sorting is fast, because most of them are sorted.
        by_name = sorted([*jobs, *changes.changed], key=attrgetter("name_key"))
        return SeenJobs(by_name, changes.next_number)


@dataclass(frozen=True)
class _Arrangement:
    """Jobs in an order, and beside them their texts for searches, which lie side by side in memory."""

    jobs: Sequence[IndexedJob]
    texts: Sequence[str]

    def search(self, words: Sequence[str]) -> list[IndexedJob]:
        """Return the jobs in whose texts each word is."""
        if not words:
            return list(self.jobs)
        first, *others = words
        places = [place for place, text in enumerate(self.texts) if first in text]
        for word in others:
            places = [place for place in places if word in self.texts[place]]
        return [self.jobs[place] for place in places]


def _arrange(jobs: Sequence[IndexedJob], order: JobOrder) -> _Arrangement:
    """Sort jobs; those that are equal in the order are sorted by name."""
    arranged = _sort(jobs, order)
    # Copied, each after the other: a search that follows the jobs through the memory takes three times as long.
    return _Arrangement(arranged, [f"{job.search_text}\n" for job in arranged])


def _filter(found: list[IndexedJob], wanted: WantedJobs) -> list[IndexedJob]:
    if wanted.statuses:
        found = [job for job in found if job.status in wanted.statuses]
    if wanted.targets:
        found = [job for job in found if job.target in wanted.targets]
    if wanted.families:
        found = [job for job in found if job.name in wanted.families]
    if wanted.owners:
        owners = {owner.lower() for owner in wanted.owners}
        found = [job for job in found if job.owner in owners]
    if wanted.job_types:
        found = [job for job in found if _has_type(job, wanted.job_types)]
    return found


def _has_type(job: IndexedJob, job_types: Iterable[str]) -> bool:
    return any(f"{job.job_type}:".startswith(f"{job_type}:") for job_type in job_types)


def _sort(jobs: Sequence[IndexedJob], order: JobOrder) -> Sequence[IndexedJob]:
    """Sort jobs that are sorted by name: equal ones stay in the order that they have."""
    if order is JobOrder.NAME:
        return jobs
    if order is JobOrder.STATUS:
        return sorted(jobs, key=lambda job: _RANKS.get(job.status, _RANK_BETWEEN))
    latest = sorted(jobs, key=attrgetter("updated"), reverse=True)
    if order is JobOrder.LATEST_JOB:
        return latest
    newest: dict[str, float] = {}
    for job in jobs:
        newest[job.name] = max(job.updated, newest.get(job.name, job.updated))
    latest.sort(key=attrgetter("name"))
    return sorted(latest, key=lambda job: newest[job.name], reverse=True)
