"""Logs streamer of the target `process`."""

import threading
from collections.abc import Callable

from racetrack_commons.entities.dto import JobDto

from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.infrastructure.process.monitor import ProcessMonitor
from lifecycle.monitor.base import LogsStreamer


class ProcessLogsStreamer(LogsStreamer):
    """Follows the log file in a thread for each session."""

    def __init__(self, monitor: ProcessMonitor, uow: UnitOfWorkFactory) -> None:
        self.monitor = monitor
        self.uow = uow
        self._stops: dict[str, threading.Event] = {}

    def create_session(
        self,
        session_id: str,
        resource_properties: dict[str, str],
        on_next_line: Callable[[str, str], None],
    ) -> None:
        """Begin to follow."""
        name, version = resource_properties["job_name"], resource_properties["job_version"]
        with self.uow.reading() as uow:
            job: JobDto = uow.jobs.get(name, version)
        tail = int(resource_properties.get("tail") or 20)
        stop = self._stops[session_id] = threading.Event()

        def follow() -> None:
            for line in self.monitor.follow_lines(job, tail, stop):
                on_next_line(session_id, line)

        threading.Thread(target=follow, name=f"logs-{job.name}", daemon=True).start()

    def close_session(self, session_id: str) -> None:
        """Stop following."""
        stop = self._stops.pop(session_id, None)
        if stop:
            stop.set()
