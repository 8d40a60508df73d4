"""Following the logs of a job's processes, and of those of the instance that replaces it."""

import threading
from collections.abc import Callable
from pathlib import Path

from racetrack_client.log.errors import EntityNotFound, ServiceUnavailable

from lifecycle.database.repositories.processes import JobProcess
from lifecycle.infrastructure.process.log_file import FollowedLog, read_last_lines

_POLL_SECONDS = 0.2
_POLLS_FOR_A_LOOK = 5


class LogSession:
    """One thread that reads the logs of all replicas, from the first look at them to the end of the session."""

    def __init__(
        self,
        list_processes: Callable[[], list[JobProcess]],
        tail: int,
        take: Callable[[str], None],
    ) -> None:
        self._list_processes = list_processes
        self._tail = tail
        self._take = take
        self._closing = threading.Event()
        self._logs: dict[str, FollowedLog] = {}
        """By process; that of a process which drains is read on."""
        self._known: list[JobProcess] = []

    def start(self, name: str) -> None:
        """Begin, in the background."""
        threading.Thread(target=self._run, name=f"logs-{name}", daemon=True).start()

    def close(self) -> None:
        """Let it end; does not wait for that."""
        self._closing.set()

    def _run(self) -> None:
        polls = 0
        while not self._closing.is_set():
            if polls % _POLLS_FOR_A_LOOK == 0:
                self._look()
            for process in self._known:
                for line in self._logs[process.id].read_new_lines():
                    self._take(mark_line(process, line, self._siblings_of(process)))
            polls += 1
            self._closing.wait(_POLL_SECONDS)

    def _look(self) -> None:
        """Find processes that were not there before: of the first ones the last lines, of later ones all."""
        try:
            serving = self._list_processes()
        except (EntityNotFound, ServiceUnavailable):
            return  # The job is gone, or the database for a moment.
        is_first = not self._logs
        for process in serving:
            if process.id in self._logs:
                continue
            path = Path(process.log_path)
            self._known.append(process)
            if not is_first:
                self._logs[process.id] = FollowedLog(path)
                continue
            self._logs[process.id] = FollowedLog.at_end_of(path)
            for line in read_last_lines(path, self._tail):
                self._take(mark_line(process, line, serving))

    def _siblings_of(self, process: JobProcess) -> list[JobProcess]:
        return [one for one in self._known if one.instance_id == process.instance_id]


def mark_line(process: JobProcess, text: str, siblings: list[JobProcess]) -> str:
    """Say of which replica a line is, when there are several."""
    return f"r{process.replica} | {text}" if len(siblings) > 1 else text
