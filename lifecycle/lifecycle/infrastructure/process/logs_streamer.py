"""The logs streamer of the target `process`."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from racetrack_client.log.errors import EntityNotFound, ServiceUnavailable
from racetrack_client.log.logs import get_logger

from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.instance import JobProcess
from lifecycle.infrastructure.built_in_monitor import BuiltInLogsStreamer, LogReader
from lifecycle.infrastructure.process.log_file import FollowedLog
from lifecycle.infrastructure.process.monitor import ProcessMonitor, mark_line

logger = get_logger(__name__)
_POLL_SECONDS = 0.2
_POLLS_FOR_A_LOOK = 5
_POLLS_FOR_A_FRAME = 3


@dataclass
class _Replica:
    process: JobProcess
    log: FollowedLog
    frame: str = ""
    """The text that was passed on of the line that has not ended."""
    polls: int = 0
    """The polls since a line or frame was passed on."""

    def read_new_lines(self) -> Iterator[str]:
        """Yield new lines, and now and then the frame of a line that has not ended; a carriage return ends it."""
        self.polls += 1
        for line in self.log.read_new_lines():
            self.frame, self.polls = "", 0
            yield line
        if self.polls >= _POLLS_FOR_A_FRAME and self.log.frame not in ("", self.frame):
            self.frame, self.polls = self.log.frame, 0
            yield f"{self.frame}\r"


class ProcessLogSession:
    """A session in which one thread reads the logs of the serving instance's replicas.

    While the replaced instance drains, the logs of its replicas are read too.
    """

    def __init__(self, list_processes: Callable[[], list[JobProcess]], reader: LogReader) -> None:
        self._list_processes = list_processes
        self._reader = reader
        self._closing = threading.Event()
        self._draining: list[_Replica] = []
        self._serving: list[_Replica] = []

    def start(self, name: str) -> None:
        """Start the thread that reads the logs of the job `name`."""
        threading.Thread(target=self._follow_until_closed, name=f"logs-{name}", daemon=True).start()

    def close(self) -> None:
        """Ask the thread to end, without waiting for it."""
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
        """Look for new processes: the first ones show their last lines, later ones all their lines."""
        processes = self._list_processes()
        known = {replica.process.id: replica for replica in self._serving}
        if known.keys() >= {process.id for process in processes}:
            return
        serving = [
            known.pop(each.id) if each.id in known else self._open(each, processes)
            for each in processes
        ]
        # The processes that are left served until now.
        self._draining = list(known.values()) or self._draining
        self._serving = serving

    def _open(self, process: JobProcess, siblings: list[JobProcess]) -> _Replica:
        log = FollowedLog(Path(process.log_path))
        if not self._serving:
            for line in self._read_past(log, process):
                self._reader.take(mark_line(process, line, siblings))
        return _Replica(process, log)

    def _read_past(self, log: FollowedLog, process: JobProcess) -> list[str]:
        tail, since = self._reader.tail, self._reader.since
        if since is None:
            return log.read_last_lines(tail)
        return log.read_lines_since(since, process.create_time, tail)

    def _read(self) -> None:
        for replicas in (self._draining, self._serving):
            siblings = [replica.process for replica in replicas]
            for replica in replicas:
                for line in replica.read_new_lines():
                    self._reader.take(mark_line(replica.process, line, siblings))


class ProcessLogsStreamer(BuiltInLogsStreamer):
    """Follows the log files of jobs' processes."""

    def __init__(self, monitor: ProcessMonitor, uow: UnitOfWorkFactory) -> None:
        super().__init__(uow)
        self._monitor = monitor

    def open_session(self, reader: LogReader) -> ProcessLogSession:
        """Return a new session, which the caller starts."""
        return ProcessLogSession(lambda: self._monitor.list_processes(reader.get_job()), reader)
