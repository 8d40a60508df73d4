"""How a build tells what it does."""

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
class BuildEvent:
    """One event of a build's stream."""

    kind: BuildEventKind
    data: Any
    """A value that JSON can carry."""


class BuildJournal:
    """The events of one build in their order; the result is the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: list[BuildEvent] = []
        self._listeners: list[Callable[[], None]] = []

    def append(self, event: BuildEvent) -> None:
        """Add an event and tell those who listen."""
        with self._lock:
            self._events.append(event)
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def read_from(self, position: int) -> list[BuildEvent]:
        """Return the events from a position on."""
        with self._lock:
            return self._events[position:]

    def read_log(self) -> str:
        """Return all log lines."""
        with self._lock:
            return "\n".join(e.data for e in self._events if e.kind == BuildEventKind.LOG)

    @contextmanager
    def listening(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call the listener, from whichever thread, after each event that comes inside the block."""
        with self._lock:
            self._listeners.append(listener)
        try:
            yield
        finally:
            with self._lock:
                self._listeners.remove(listener)


class BuildLogFile:
    """Collects the lines of one build, up to a size."""

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
        """Write a line; false when the log is full and the line was dropped."""
        if self._written > self._max_bytes:
            return False
        content = f"{line}\n".encode(errors="replace")
        self._written += len(content)
        if self._written > self._max_bytes:
            content = f"(the log is cut here: it is longer than {self._max_bytes} bytes)\n".encode()
        self._keep(content)
        return self._written <= self._max_bytes

    def _keep(self, content: bytes) -> None:
        if self._file is None:
            return
        try:
            self._file.write(content)
        except OSError as error:
            # A full disk is no reason to fail a build that needs none of it; those who listen still get the lines.
            logger.warning(f"the build log {self._path} ends early: {error}")
            self._file.close()
            self._file = None


class BuildProgress:
    """Takes the phases, log lines and warnings of one build; secrets stay out of all of them."""

    def __init__(
        self,
        journal: BuildJournal,
        log_file: BuildLogFile,
        redactor: SecretRedactor,
        cancellation: Cancellation,
        on_phase_done: Callable[[str, float], None],
    ) -> None:
        self._journal = journal
        self._log_file = log_file
        self._redactor = redactor
        self._on_phase_done = on_phase_done
        self.cancellation = cancellation

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Name what happens inside the block; its errors begin with the name."""
        self.cancellation.check()
        self._journal.append(BuildEvent(BuildEventKind.PHASE, name))
        start = time.monotonic()
        with wrap_context(name):
            yield
        self._on_phase_done(name, time.monotonic() - start)

    def redact(self, text: str) -> str:
        """Return the text without the secrets of the build."""
        return self._redactor.redact(text)

    def log(self, line: str) -> str:
        """Add a line to the build's log; returns it without secrets."""
        line = self._redactor.redact(line)
        if self._log_file.write(line):
            self._journal.append(BuildEvent(BuildEventKind.LOG, line))
        return line

    def warn(self, text: str) -> None:
        """Add a warning: the build goes on, but its author should know."""
        text = self._redactor.redact(text)
        self.log(f"warning: {text}")
        self._journal.append(BuildEvent(BuildEventKind.WARNING, text))

    def collect(self, command: Command, lines: list[str]) -> None:
        """Run a program; its lines go to the list instead of the log."""

        def keep(line: str) -> str:
            lines.append(line)
            return self.redact(line)

        run_command(command, keep, self.cancellation)

    def run(self, command: Command) -> None:
        """Run a program; its lines go to the log."""
        run_command(command, self.log, self.cancellation)


def remove_old_logs(directory: Path, kept: int) -> None:
    """Remove all but the newest logs."""
    with os.scandir(directory) as entries:
        paths = [Path(entry.path) for entry in entries if entry.name.endswith(".log")]
    for path in sorted(paths, key=_age)[kept:]:
        path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    try:
        return -path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0  # Another build removed it a moment ago.
