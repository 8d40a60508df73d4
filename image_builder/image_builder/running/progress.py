"""The progress of a build: the events that callers follow, and the log file that is kept."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from racetrack_client.log.context_error import wrap_context
from racetrack_client.log.logs import get_logger
from racetrack_commons.entities.dto import BuildEventKind
from racetrack_commons.redaction import SecretRedactor

from image_builder.running.programs import Cancellation, Command, run_command

logger = get_logger(__name__)


@dataclass(frozen=True)
class ProgressEvent:
    """One event of a build."""

    kind: BuildEventKind
    data: Any
    """A value that JSON can hold."""


class EventHistory:
    """The events of one build in their order, for callers that follow it from its start or join later.

    The result is the last event. All methods may be called from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: list[ProgressEvent] = []
        self._listeners: list[Callable[[], None]] = []

    def append(self, event: ProgressEvent) -> None:
        """Add an event and call the listeners."""
        with self._lock:
            self._events.append(event)
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def read_from(self, position: int) -> list[ProgressEvent]:
        """Return the events from a position on."""
        with self._lock:
            return self._events[position:]

    def read_log(self) -> str:
        """Return all log lines as one text."""
        with self._lock:
            return "\n".join(e.data for e in self._events if e.kind == BuildEventKind.LOG)

    @contextmanager
    def listening(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call the listener after each event inside the block, from the thread that adds the event."""
        with self._lock:
            self._listeners.append(listener)
        try:
            yield
        finally:
            with self._lock:
                self._listeners.remove(listener)


class BuildLogFile:
    """The log file of one build, up to a maximum size."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._written = 0
        self._file: IO[bytes] | None = None

    def __enter__(self) -> "BuildLogFile":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("wb", buffering=0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, line: str) -> bool:
        """Write a line; return False when the log is full and the line was dropped."""
        if self._written > self._max_bytes:
            return False
        content = f"{line}\n".encode(errors="replace")
        self._written += len(content)
        if self._written > self._max_bytes:
            content = f"(the log is cut here: it is longer than {self._max_bytes} bytes)\n".encode()
        self._write_unless_closed(content)
        return self._written <= self._max_bytes

    def _write_unless_closed(self, content: bytes) -> None:
        if self._file is None:
            return
        try:
            self._file.write(content)
        except OSError as error:
            # A full disk does not fail a build that needs no space on it; callers still receive the lines.
            logger.warning(f"the build log {self._path} ends early: {error}")
            self._file.close()
            self._file = None


@dataclass(frozen=True)
class BuildProgress:
    """Reports the phases, log lines and warnings of one build, without the build's secrets."""

    history: EventHistory
    log_file: BuildLogFile
    redactor: SecretRedactor
    cancellation: Cancellation
    on_phase_done: Callable[[str, float], None]
    """Called with the name and the seconds of each phase that succeeded."""

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Report the block as a phase; errors raised in it begin with the phase's name."""
        self.cancellation.check()
        self.history.append(ProgressEvent(BuildEventKind.PHASE, name))
        start = time.monotonic()
        with wrap_context(name):
            yield
        self.on_phase_done(name, time.monotonic() - start)

    def redact(self, text: str) -> str:
        """Return the text without the build's secrets."""
        return self.redactor.redact(text)

    def log(self, line: str) -> str:
        """Add a line to the build's log; return the line without secrets."""
        line = self.redactor.redact(line)
        if self.log_file.write(line):
            self.history.append(ProgressEvent(BuildEventKind.LOG, line))
        return line

    def warn(self, text: str) -> None:
        """Report a warning to the job's author; the build continues."""
        text = self.redactor.redact(text)
        self.log(f"warning: {text}")
        self.history.append(ProgressEvent(BuildEventKind.WARNING, text))

    def run_command(self, command: Command) -> None:
        """Run a program; its output goes to the log. Raises CommandFailed or BuildCancelled."""
        run_command(command, self.log, self.cancellation)

    def capture_output(self, command: Command) -> list[str]:
        """Run a program; return the lines of its output instead of logging them. Raises as `run_command`."""
        lines: list[str] = []

        def keep(line: str) -> str:
            lines.append(line)
            return self.redact(line)

        run_command(command, keep, self.cancellation)
        return lines


@dataclass(frozen=True)
class BuildLogs:
    """The log files of builds, in one directory."""

    directory: Path
    max_bytes: int
    """The size at which each log is cut."""
    max_kept: int
    """The number of logs that are kept."""

    @contextmanager
    def open(self, deployment_id: str) -> Iterator[BuildLogFile]:
        """Open the log of a build, and remove the logs that are older than the newest `max_kept`."""
        with BuildLogFile(self.directory / f"{deployment_id}.log", self.max_bytes) as log_file:
            self._remove_old()
            yield log_file

    def _remove_old(self) -> None:
        with os.scandir(self.directory) as entries:
            paths = [Path(entry.path) for entry in entries if entry.name.endswith(".log")]
        for path in sorted(paths, key=_negative_mtime)[self.max_kept :]:
            path.unlink(missing_ok=True)


def _negative_mtime(path: Path) -> float:
    try:
        return -path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0  # Another build removed it a moment ago.
