"""What the logs streamers of the built-in targets have in common."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from racetrack_commons.entities.dto import JobDto

from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.monitor.base import LogsStreamer

_TAIL = 20


@dataclass(frozen=True)
class LogReader:
    """Who reads the log of a job, and how many lines of the past."""

    find_job: Callable[[], JobDto]
    """Asks where the job is now; EntityNotFound when it is gone."""
    tail: int
    take: Callable[[str], None]


class LogSession(Protocol):
    """One reader's following of a log."""

    def start(self, name: str) -> None:
        """Begin, in the background."""

    def close(self) -> None:
        """Let it end; does not wait for that."""


class BuiltInLogsStreamer(LogsStreamer):
    """Keeps a session for each reader, which stays with the job when another instance replaces its own."""

    def __init__(self, uow: UnitOfWorkFactory) -> None:
        self._uow = uow
        self._sessions: dict[str, LogSession] = {}

    @abstractmethod
    def open_session(self, reader: LogReader) -> LogSession:
        """Make a session that has yet to be started."""

    def create_session(
        self,
        session_id: str,
        resource_properties: dict[str, str],
        on_next_line: Callable[[str, str], None],
    ) -> None:
        """Begin to follow."""
        name, version = resource_properties["job_name"], resource_properties["job_version"]
        tail = int(resource_properties.get("tail") or _TAIL)

        def find_job() -> JobDto:
            with self._uow.reading() as uow:
                return uow.jobs.get(name, version)

        session = self.open_session(
            LogReader(find_job, tail, lambda line: on_next_line(session_id, line))
        )
        self._sessions[session_id] = session
        session.start(name)

    def close_session(self, session_id: str) -> None:
        """Stop following."""
        session = self._sessions.pop(session_id, None)
        if session is not None:
            session.close()
