"""What the monitors of the built-in targets have in common."""

from collections.abc import Callable

from racetrack_commons.entities.dto import JobDto

from lifecycle.monitor.base import JobMonitor
from lifecycle.monitor.health import JobNotHealthy, check_until_job_is_operational


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
