"""What the monitors and the logs streamers of the built-in targets share."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from racetrack_commons.entities.dto import JobDto

from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.monitor.base import JobMonitor, LogsStreamer
from lifecycle.monitor.health import JobNotHealthy, check_until_job_is_operational

_TAIL = 20


class BuiltInMonitor(JobMonitor):
    """Asks a job at its address how it is."""

    def check_job_condition(
        self,
        job: JobDto,
        deployment_timestamp: int = 0,
        on_job_alive: Callable[[], None] | None = None,
        logs_on_error: bool = True,
    ) -> None:
        """Wait until the job answers; its last log lines stand behind the cause when it does not."""
        try:
            check_until_job_is_operational(
                f"http://{job.internal_name}", deployment_timestamp, on_job_alive
            )
        except JobNotHealthy as error:
            logs = f"\nJob logs:\n{self.read_recent_logs(job)}" if logs_on_error else ""
            raise JobNotHealthy(f"{error}{logs}") from error


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
