"""Running the programs of a build, such as git, uv and docker, and cancelling the build from outside."""

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from racetrack_commons.os_users.entrance import Entrance, hide_variables

_MAX_LINE_BYTES = 16 * 1024
_CHECK_SECONDS = 0.5
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class BuildCancelled(Exception):
    """The build was cancelled: on request, or because the service stops."""

    def __init__(self) -> None:
        super().__init__("the build was cancelled")


class Cancellation:
    """Cancels one build and interrupts whatever it waits for. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._interrupts: list[Callable[[], None]] = []

    @property
    def is_cancelled(self) -> bool:
        """True once the build is cancelled."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Cancel the build and call its interrupts; repeated calls are harmless."""
        with self._lock:
            self._cancelled.set()
            interrupts = list(self._interrupts)
        for interrupt in interrupts:
            interrupt()

    def check(self) -> None:
        """Raise BuildCancelled once the build is cancelled."""
        if self._cancelled.is_set():
            raise BuildCancelled

    def wait(self, seconds: float) -> None:
        """Wait for `seconds`; raises BuildCancelled as soon as the build is cancelled."""
        self._cancelled.wait(seconds)
        self.check()

    @contextmanager
    def interrupting(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """Call `interrupt` when the build is cancelled inside the block, and raise BuildCancelled after the block."""
        with self._lock:
            self._interrupts.append(interrupt)
            already_cancelled = self._cancelled.is_set()
        if already_cancelled:
            interrupt()
        try:
            yield
        finally:
            with self._lock:
                self._interrupts.remove(interrupt)
        self.check()


@dataclass(frozen=True)
class Command:
    """A program to run: its arguments and all of its environment."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    directory: Path | None = None
    timeout_seconds: float = 3600
    remembered_lines: int = 20
    """Number of lines from the end of its output that an error holds."""
    check: Callable[[], str | None] | None = None
    """Called about twice a second while the program runs; it is killed for the reason that this returns."""
    entrance: Entrance | None = None
    """The user that it runs as; None: the service's own."""

    @property
    def program(self) -> str:
        """The program's name for messages, without the arguments: they may be long and hold paths of this machine."""
        return Path(self.arguments[0]).name


class CommandFailed(Exception):
    """A program ended with an exit code other than zero."""

    def __init__(self, reason: str, last_lines: Sequence[str]) -> None:
        super().__init__("\n".join([f"{reason}:", *last_lines] if last_lines else [reason]))
        self.reason = reason
        self.last_lines = tuple(last_lines)
        """The end of its output."""


class CommandTookTooLong(CommandFailed):
    """A program was killed because it did not end in time."""


def run_command(
    command: Command, on_line: Callable[[str], str], cancellation: Cancellation
) -> None:
    """Run a program and call `on_line` with each line of its output; it returns the line without secrets.

    Raises CommandFailed when the program fails or takes too long, BuildCancelled when the build is cancelled.
    """
    cancellation.check()
    last_lines: deque[str] = deque(maxlen=command.remembered_lines)
    with _start(command) as process:
        deadline = _Deadline(process, command.timeout_seconds)
        watch = _Watch(process, command.check)
        with cancellation.interrupting(lambda: _kill_group(process)), deadline, watch:
            for line in _read_lines(process):
                last_lines.append(on_line(line))
            code = process.wait()
    if deadline.passed:
        reason = f"{command.program} did not end within {command.timeout_seconds:.0f} s"
        raise CommandTookTooLong(reason, list(last_lines))
    if watch.reason is not None:
        raise CommandFailed(f"{command.program} was stopped: {watch.reason}", [])
    if code != 0:
        raise CommandFailed(f"{command.program} failed with exit code {code}", list(last_lines))


class _Deadline:
    """Kills a process that takes too long."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self.passed = False
        self._process = process
        self._timer = threading.Timer(seconds, self._pass)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _pass(self) -> None:
        self.passed = True
        _kill_group(self._process)


class _Watch:
    """Kills a process as soon as a check finds a reason."""

    def __init__(
        self, process: subprocess.Popen[bytes], check: Callable[[], str | None] | None
    ) -> None:
        self.reason: str | None = None
        self._process = process
        self._check = check
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> None:
        if self._check is not None:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _look(self) -> None:
        while self._check is not None and not self._ended.wait(_CHECK_SECONDS):
            self.reason = self._check()
            if self.reason is not None:
                _kill_group(self._process)
                return


def _start(command: Command) -> subprocess.Popen[bytes]:
    # A process group of its own, so that all processes that the program starts end with it.
    arguments, environment = list(command.arguments), dict(command.environment)
    if command.entrance is not None:
        arguments = command.entrance.make_command(arguments)
        environment = hide_variables(environment)
    return subprocess.Popen(
        arguments,
        cwd=command.directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _read_lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    if process.stdout is None:
        return
    while line := process.stdout.readline(_MAX_LINE_BYTES):
        yield _COLOUR.sub("", line.decode(errors="replace")).rstrip("\r\n")


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
