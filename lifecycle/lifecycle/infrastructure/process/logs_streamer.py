"""Logs streamer of the target `process`."""

from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.infrastructure.built_in_logs_streamer import BuiltInLogsStreamer, LogReader
from lifecycle.infrastructure.process.log_session import ProcessLogSession
from lifecycle.infrastructure.process.monitor import ProcessMonitor


class ProcessLogsStreamer(BuiltInLogsStreamer):
    """Follows the log files of a job's processes."""

    def __init__(self, monitor: ProcessMonitor, uow: UnitOfWorkFactory) -> None:
        super().__init__(uow)
        self._monitor = monitor

    def open_session(self, reader: LogReader) -> ProcessLogSession:
        """Make a session that has yet to be started."""
        return ProcessLogSession(lambda: self._monitor.list_processes(reader.find_job()), reader)
