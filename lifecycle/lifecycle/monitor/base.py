"""The ports of monitors and logs streamers, as the plugins of infrastructure targets implement them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from racetrack_commons.entities.dto import JobDto

from lifecycle.config import Config


class JobMonitor(ABC):
    """Says how the jobs of one infrastructure target are."""

    @abstractmethod
    def list_jobs(self, config: Config) -> Iterable[JobDto]:
        """List what runs, with status, addresses, statistics and time of the last call; cheap, called each minute."""

    @abstractmethod
    def check_job_condition(
        self,
        job: JobDto,
        deployment_timestamp: int = 0,
        on_job_alive: Callable[[], None] | None = None,
        logs_on_error: bool = True,
    ) -> None:
        """Wait until the job answers calls; raise with the cause when it never will."""

    @abstractmethod
    def read_recent_logs(self, job: JobDto, tail: int = 20) -> str:
        """Return the last lines that the job logged."""


class LogsStreamer(ABC):
    """Passes new lines of a job's log on while they are written."""

    @abstractmethod
    def create_session(
        self,
        session_id: str,
        resource_properties: dict[str, str],
        on_next_line: Callable[[str, str], None],
    ) -> None:
        """Begin to call `on_next_line(session_id, line)`; properties are `job_name`, `job_version`, `tail`. Must not block."""

    @abstractmethod
    def close_session(self, session_id: str) -> None:
        """Stop it."""
