"""Logs streamer of the target `process`."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from racetrack_client.log.errors import EntityNotFound, ServiceUnavailable
from racetrack_client.log.logs import get_logger

from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.instance import JobProcess
from lifecycle.infrastructure.built_in_monitor import BuiltInLogsStreamer, LogReader
from lifecycle.infrastructure.process.log_file import FollowedLog, read_last_lines
from lifecycle.infrastructure.process.monitor import ProcessMonitor, mark_line

logger = get_logger(__name__)
_POLL_SECONDS = 0.2
_POLLS_FOR_A_LOOK = 5


@dataclass(frozen=True)
class _Replica:
    process: JobProcess
    log: FollowedLog


class ProcessLogSession:
    """One thread that reads the logs of all replicas of the serving instance, and of the one before, which drains."""

    def __init__(self, list_processes: Callable[[], list[JobProcess]], reader: LogReader) -> None:
        self._list_processes = list_processes
        self._reader = reader
        self._closing = threading.Event()
        self._draining: list[_Replica] = []
        self._serving: list[_Replica] = []

    def start(self, name: str) -> None:
        """Begin, in the background."""
        threading.Thread(target=self._follow_until_closed, name=f"logs-{name}", daemon=True).start()

    def close(self) -> None:
        """Let it end; does not wait for that."""
        self._closing.set()

    def _follow_until_closed(self) -> None:
        polls = 0
        while not self._closing.is_set():
            try:
                if polls % _POLLS_FOR_A_LOOK == 0:
                    self._look()
                self._read()
            except (EntityNotFound, ServiceUnavailable, OSError) as error:
                logger.debug(f"logs can't be followed just now: {error}")
            polls += 1
            self._closing.wait(_POLL_SECONDS)

    def _look(self) -> None:
        """Find processes that were not there before: of the first ones the last lines are shown, of later ones all."""
        processes = self._list_processes()
        known = {replica.process.id: replica for replica in self._serving}
        if known.keys() >= {process.id for process in processes}:
            return
        serving = [
            known.pop(each.id) if each.id in known else self._open(each, processes)
            for each in processes
        ]
        # What is left served until now.
        self._draining = list(known.values()) or self._draining
        self._serving = serving

    def _open(self, process: JobProcess, siblings: list[JobProcess]) -> _Replica:
        path = Path(process.log_path)
        if self._serving:
            return _Replica(process, FollowedLog(path))
        log = FollowedLog.at_end_of(path)
        for line in read_last_lines(path, self._reader.tail):
            self._reader.take(mark_line(process, line, siblings))
        return _Replica(process, log)

    def _read(self) -> None:
        for replicas in (self._draining, self._serving):
            siblings = [replica.process for replica in replicas]
            for replica in replicas:
                for line in replica.log.read_new_lines():
                    self._reader.take(mark_line(replica.process, line, siblings))


class ProcessLogsStreamer(BuiltInLogsStreamer):
    """Follows the log files of a job's processes."""

    def __init__(self, monitor: ProcessMonitor, uow: UnitOfWorkFactory) -> None:
        super().__init__(uow)
        self._monitor = monitor

    def open_session(self, reader: LogReader) -> ProcessLogSession:
        """Make a session that has yet to be started."""
        return ProcessLogSession(lambda: self._monitor.list_processes(reader.find_job()), reader)
