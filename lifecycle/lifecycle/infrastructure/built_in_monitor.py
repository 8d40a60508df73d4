"""The bases of the built-in targets' monitors and logs streamers."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from racetrack_commons.entities.dto import JobDto, JobStatus

from lifecycle.config import BuiltInTarget
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.monitor.base import JobMonitor, LogsStreamer, OnNextLine
from lifecycle.monitor.health import JobNotHealthy, check_until_job_is_operational

_TAIL = 20


class BuiltInMonitor(JobMonitor):
    """Checks the condition of a job over HTTP, at its address."""

    target: ClassVar[BuiltInTarget]

    def check_job_condition(
        self,
        job: JobDto,
        deployment_timestamp: int = 0,
        on_job_alive: Callable[[], None] | None = None,
        logs_on_error: bool = True,
    ) -> None:
        """Wait until the job answers; raise JobNotHealthy, with its last log lines, when it does not."""
        try:
            check_until_job_is_operational(
                f"http://{job.internal_name}", deployment_timestamp, on_job_alive
            )
        except JobNotHealthy as error:
            logs = f"\nJob logs:\n{self.read_recent_logs(job)}" if logs_on_error else ""
            raise JobNotHealthy(f"{error}{logs}") from error

    def describe_running(self, name: str, version: str, created: int) -> JobDto:
        """Return a running job of this target; `created` is in UNIX seconds."""
        return JobDto(
            name=name,
            version=version,
            status=JobStatus.RUNNING,
            create_time=created,
            update_time=created,
            infrastructure_target=self.target.value,
        )


@dataclass(frozen=True)
class LogReader:
    """One reader of a job's log."""

    get_job: Callable[[], JobDto]
    """Returns the job as the registry knows it now; raises EntityNotFound when it is gone."""
    tail: int
    """The number of earlier lines that the reader wants."""
    take: Callable[[str], None]
    """Passes a line to the reader; called from a thread of the session."""
    since: datetime | None = None
    """The time from which on the reader wants earlier lines; None: from whenever they are."""


class LogSession(Protocol):
    """The session of one reader who follows a log."""

    def start(self, name: str) -> None:
        """Begin to follow the log of the job `name`, in a thread of the session."""

    def close(self) -> None:
        """Ask the session to end, without waiting for it."""


class BuiltInLogsStreamer(LogsStreamer):
    """Keeps a session for each reader; it goes on with the new instance when a job's instance is replaced."""

    def __init__(self, uow: UnitOfWorkFactory) -> None:
        self._uow = uow
        self._sessions: dict[str, LogSession] = {}

    @abstractmethod
    def open_session(self, reader: LogReader) -> LogSession:
        """Return a new session, which the caller starts."""

    def create_session(
        self, session_id: str, resource_properties: dict[str, str], on_next_line: OnNextLine
    ) -> None:
        """Start a session for a reader."""
        name, version = resource_properties["job_name"], resource_properties["job_version"]
        tail = int(resource_properties.get("tail") or _TAIL)

        def get_job() -> JobDto:
            with self._uow.reading() as uow:
                return uow.jobs.get(name, version)

        since = resource_properties.get("since")
        session = self.open_session(
            LogReader(
                get_job,
                tail,
                take=lambda line: on_next_line(session_id, line),
                since=datetime.fromisoformat(since) if since else None,
            )
        )
        self._sessions[session_id] = session
        session.start(name)

    def close_session(self, session_id: str) -> None:
        """End the session; do nothing if there is none of that id."""
        session = self._sessions.pop(session_id, None)
        if session is not None:
            session.close()
