"""The ports of monitors and logs streamers, as the plugins of infrastructure targets implement them.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from datetime import datetime

from racetrack_client.log.errors import ServiceUnavailable
from racetrack_commons.entities.dto import JobDto

from lifecycle.config import Config

OnNextLine = Callable[[str, str], None]
"""Takes the id of a session and a line of its log."""


class JobMonitor(ABC):
    """Reports the state of the jobs on one infrastructure target; several threads call it at once."""

    @abstractmethod
    def list_jobs(self, config: Config) -> Iterable[JobDto]:
        """Look at the jobs that run on the target.

        Returns them with status, addresses, statistics and the time of their last call.
        Raises any error when the target can't be reached; then its jobs keep the status they have.
        Called every few seconds (setting `sync_interval_seconds`), so it must be cheap.
        Called from the thread of the supervisor's task `sync-jobs`.
        """

    def watch_jobs(self, on_change: Callable[[], None]) -> None:  # noqa: B027 - targets may do without
        """From now on, call `on_change` soon after the state of a job has changed, from any thread; targets may do without.

        Returns nothing, at once. `on_change` returns at once, too, and `list_jobs` is called soon after.
        Raises nothing, also when the target can't be reached.
        Called once, at the start of the supervisor, whose main thread it is.
        """

    def stop_watching(self) -> None:  # noqa: B027 - targets may do without
        """Call `on_change` no more, and end the threads of `watch_jobs`.

        Returns nothing, within seconds.
        Raises nothing.
        Called at the end of the supervisor, from its main thread.
        """

    @abstractmethod
    def check_job_condition(
        self,
        job: JobDto,
        deployment_timestamp: int = 0,
        on_job_alive: Callable[[], None] | None = None,
        logs_on_error: bool = True,
    ) -> None:
        """Wait until the job, in the version of `deployment_timestamp`, is alive and ready.

        `on_job_alive` is to be called once the job is alive; `logs_on_error` asks for the last log
        lines in the error's text.
        Returns nothing, once the job takes calls.
        Raises any error when it never will; the deployment fails with its text.
        Called when a deployment has replaced the job in place.
        Called from the thread of the worker that carries the deployment on.
        """

    @abstractmethod
    def read_recent_logs(self, job: JobDto, tail: int = 20) -> str:
        """Read the log of the job.

        Returns its last `tail` lines.
        Raises any error when the log can't be read.
        Called when a user asks for the log, and when a new instance did not work.
        Called from the thread of an endpoint, or of the worker that carries the deployment on.
        """

    def read_logs_since(self, job: JobDto, since: datetime, tail: int) -> str:  # noqa: ARG002 - the port's signature
        """Read the log of the job since a time; targets may do without.

        Returns its last `tail` lines since then.
        Raises ServiceUnavailable when the target can't tell the times of lines, any error when the log can't be read.
        Called when a user asks for the log since a time.
        Called from the thread of an endpoint.
        """
        raise ServiceUnavailable(
            f"the infrastructure target of job {job} can't tell the times of lines; ask for the last ones by --tail"
        )


class LogsStreamer(ABC):
    """Passes new lines of a job's log on while they are written, to any number of sessions."""

    @abstractmethod
    def create_session(
        self, session_id: str, resource_properties: dict[str, str], on_next_line: OnNextLine
    ) -> None:
        """Start a session that calls `on_next_line(session_id, line)` for each line, from any thread.

        The properties are `job_name`, `job_version`, perhaps `tail`, the number of earlier lines, and perhaps
        `since`, a time in ISO 8601: earlier lines are then those since that time; targets may do without.
        Returns nothing, at once: it must not wait for lines.
        Raises any error when the log can't be followed; the reader is told its text.
        Called when a reader begins to follow a log.
        Called from a helper thread of the event loop.
        """

    @abstractmethod
    def close_session(self, session_id: str) -> None:
        """End the session: no line is passed on afterwards.

        Returns nothing, also when the session has ended by itself.
        Raises nothing.
        Called when the reader has gone away, or follows the job to another target.
        Called from the thread of the event loop, so it must not block.
        """
