"""The deletion of many jobs, one after the other: it belongs to the visitor, not to a page, so a page may be closed meanwhile."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import quote

from racetrack_client.log.logs import get_logger

from dashboard.client.api import ApiError, LifecycleApi, LifecycleAway

logger = get_logger(__name__)
BULK_DELETION = "bulk_deletion"
"""The kind of change that pages are told of when a bulk deletion goes on."""
_LONGEST_SECONDS = 600


@dataclass(frozen=True)
class JobName:
    """A job, by its family and version."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass
class BulkDeletion:
    """The jobs that a visitor has deleted, is deleting, and will delete."""

    waiting: deque[JobName] = field(default_factory=deque)
    current: JobName | None = None
    deleted: int = 0
    failures: list[str] = field(default_factory=list)
    """The reasons why jobs were not deleted, each with its job."""

    @property
    def is_running(self) -> bool:
        """True if a job is being deleted, or waits for that."""
        return self.current is not None or bool(self.waiting)

    @property
    def total(self) -> int:
        """The number of jobs, with those that are deleted already."""
        return self.deleted + len(self.failures) + bool(self.current) + len(self.waiting)


class BulkDeletions:
    """The deletions of all visitors; `tell` is called after each step."""

    def __init__(self, tell: Callable[[frozenset[str]], None]) -> None:
        self._listener = tell
        self._of_users: dict[str, BulkDeletion] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def find(self, username: str) -> BulkDeletion | None:
        """Return the deletion of a visitor, also a finished one until it is dismissed."""
        return self._of_users.get(username)

    def begin(self, username: str, api: LifecycleApi, jobs: Iterable[JobName]) -> None:
        """Delete jobs after those that the visitor deletes already, with the session of the given API."""
        present = self._of_users.get(username)
        if present is not None and present.is_running:
            present.waiting.extend(jobs)
            return
        deletion = self._of_users[username] = BulkDeletion(deque(jobs))
        task = asyncio.create_task(self._delete(deletion, api), name=f"deletion by {username}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def dismiss(self, username: str) -> None:
        """Forget the jobs of a visitor that were not begun, and what became of the others."""
        deletion = self._of_users.pop(username, None)
        if deletion is not None:
            deletion.waiting.clear()
        self._tell()

    async def stop(self) -> None:
        """Give up all deletions; jobs that were not begun stay."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _delete(self, deletion: BulkDeletion, api: LifecycleApi) -> None:
        while deletion.waiting:
            job = deletion.current = deletion.waiting.popleft()
            self._tell()
            failure = await _delete_job(api, job)
            if failure:
                deletion.failures.append(f"{job}: {failure}")
            else:
                deletion.deleted += 1
        deletion.current = None
        self._tell()

    def _tell(self) -> None:
        self._listener(frozenset({BULK_DELETION}))


async def _delete_job(api: LifecycleApi, job: JobName) -> str:
    """Delete a job; return the reason why it was not deleted, or an empty text."""
    path = f"job/{quote(job.name, safe='')}/{quote(job.version, safe='')}"
    try:
        await api.send("DELETE", path, timeout=_LONGEST_SECONDS)
    except (ApiError, LifecycleAway) as error:
        logger.info(f"job {job} was not deleted: {error}")
        return str(error)
    return ""
