"""Running other programs.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from racetrack_client.log.logs import get_logger

logger = get_logger(__name__)

Command = str | Sequence[str]
"""A list of arguments. A string runs in a shell; only published plugins pass strings."""


class CommandError(RuntimeError):
    """A program ended with a code other than zero."""

    def __init__(self, cmd: Command, stdout: str, returncode: int) -> None:
        super().__init__(
            f"command failed with code {returncode}: {_program(cmd)}: {stdout.strip()}"
        )
        self.cmd = cmd
        self.stdout = stdout
        """The output of the program, stdout and stderr together."""
        self.returncode = returncode


def shell(
    cmd: Command,
    workdir: Path | None = None,
    print_stdout: bool = True,
    output_filename: str | None = None,
) -> None:
    """Run a program and pass on its output; raises CommandError when it fails."""
    logger.debug(f"running {_program(cmd)}")
    log_file = Path(output_filename).open("a", encoding="utf-8") if output_filename else None  # noqa: SIM115 closed below
    try:
        _run_program(cmd, workdir, sys.stdout if print_stdout else None, log_file)
    finally:
        if log_file is not None:
            log_file.close()


def shell_output(cmd: Command, workdir: Path | None = None, print_stdout: bool = False) -> str:
    """Run a program and return its output, stdout and stderr together; raises CommandError when it fails."""
    logger.debug(f"running {_program(cmd)}")
    return _run_program(cmd, workdir, sys.stdout if print_stdout else None, None)


class CommandOutputStream:
    """A running program; a thread passes its lines to `on_next_line` until it ends or is interrupted."""

    def __init__(
        self,
        cmd: Command,
        on_next_line: Callable[[str], None],
        on_error: Callable[[CommandError], None] | None = None,
    ) -> None:
        self._cmd = cmd
        self._on_next_line = on_next_line
        self._on_error = on_error
        self._interrupted = threading.Event()
        self._process = _start_program(cmd, None, new_session=True)
        self._reader = threading.Thread(target=self._read, name="command output", daemon=True)
        self._reader.start()

    def interrupt(self) -> None:
        """End the program and the thread that reads it; does nothing when the program has ended."""
        self._interrupted.set()
        # The signal goes to the whole group: a shell that gets it alone would leave its child running.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        if threading.current_thread() is not self._reader:
            self._reader.join(timeout=5)

    def _read(self) -> None:
        lines = []
        with self._process as process:
            if process.stdout is not None:
                for line in process.stdout:
                    lines.append(line)
                    del lines[:-100]
                    self._on_next_line(line.rstrip("\n"))
            code = process.wait()
        if code != 0 and not self._interrupted.is_set() and self._on_error is not None:
            self._on_error(CommandError(self._cmd, "".join(lines), code))


def _run_program(
    cmd: Command, workdir: Path | None, echo: TextIO | None, log_file: TextIO | None
) -> str:
    lines = []
    with _start_program(cmd, workdir) as process:
        if process.stdout is not None:
            for line in process.stdout:
                lines.append(line)
                for copy in (echo, log_file):
                    if copy is not None:
                        copy.write(line)
                        copy.flush()
        code = process.wait()
    if code != 0:
        raise CommandError(cmd, "".join(lines), code)
    return "".join(lines)


def _start_program(
    cmd: Command, workdir: Path | None, *, new_session: bool = False
) -> "subprocess.Popen[str]":
    # A shell runs only the strings of published plugins, which build their own command lines.
    return subprocess.Popen(
        cmd,
        shell=isinstance(cmd, str),
        cwd=workdir,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=new_session,
    )


def _program(cmd: Command) -> str:
    # Only the program's name: arguments of older plugins may hold secrets.
    words = cmd.split() if isinstance(cmd, str) else list(cmd)
    return shlex.quote(words[0]) if words else "(empty command)"
