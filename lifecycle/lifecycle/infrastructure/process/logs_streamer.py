"""Logs streamer of the target `process`."""

from collections.abc import Callable

from lifecycle.database.repositories.processes import JobProcess
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.infrastructure.process.log_session import LogSession
from lifecycle.infrastructure.process.monitor import ProcessMonitor
from lifecycle.monitor.base import LogsStreamer


class ProcessLogsStreamer(LogsStreamer):
    """Follows all replicas of a job, also those of the instance that replaces it."""

    def __init__(self, monitor: ProcessMonitor, uow: UnitOfWorkFactory) -> None:
        self.monitor = monitor
        self.uow = uow
        self._sessions: dict[str, LogSession] = {}

    def create_session(
        self,
        session_id: str,
        resource_properties: dict[str, str],
        on_next_line: Callable[[str, str], None],
    ) -> None:
        """Begin to follow."""
        name, version = resource_properties["job_name"], resource_properties["job_version"]
        tail = int(resource_properties.get("tail") or 20)

        def list_processes() -> list[JobProcess]:
            with self.uow.reading() as uow:
                job = uow.jobs.get(name, version)
            return self.monitor.list_processes(job)

        session = LogSession(list_processes, tail, lambda line: on_next_line(session_id, line))
        self._sessions[session_id] = session
        session.start(name)

    def close_session(self, session_id: str) -> None:
        """Stop following."""
        session = self._sessions.pop(session_id, None)
        if session is not None:
            session.close()
