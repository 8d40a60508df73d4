"""Following what the server does: the progress and build log of a deployment, and the log of a running job."""

import contextlib
import json
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from racetrack_client.client.deployment_progress import (
    MAX_OUTAGE_SECONDS,
    describe_ways,
    follow_deployment,
    is_transient,
)
from racetrack_client.client.session import LONGEST_DEPLOYMENT_SECONDS, Session
from racetrack_client.commands.options import Output, say
from racetrack_client.utils.request import RequestError, ResponseError
from racetrack_client.utils.terminal import clear_line

_PAUSE_SECONDS = 0.5
_REFRESH_SECONDS = 0.1
_LINE_SECONDS = 5.0
"""The time between two lines about one upload, where there is no live line."""
_MANY_BYTES = 1024 * 1024
"""Fewer bytes are packed and sent at once."""


class Progress:
    """Shows the phase and the elapsed time of a deployment.

    On a terminal this is one live line; elsewhere each phase gets a line.
    """

    def __init__(self, stream: TextIO, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._is_live = stream.isatty()
        self._monotonic = monotonic
        self._started = monotonic()
        self._phase = ""
        self._warnings = ""
        self._next_count = 0.0

    @property
    def elapsed_seconds(self) -> float:
        """The seconds since the start."""
        return self._monotonic() - self._started

    def update(self, deployment: dict[str, Any]) -> None:
        """Show a newer state of the deployment."""
        warnings = deployment.get("warnings") or self._warnings
        if warnings != self._warnings:
            self.clear()
            self._write(f"warning: {warnings.removeprefix(self._warnings).strip()}\n")
            self._warnings = warnings
        phase = deployment.get("phase") or self._phase
        if self._is_live:
            self.clear()
            self._write(f"[{self.elapsed_seconds:5.1f} s] {phase or 'submitted'}")
        elif phase != self._phase:
            self._write(f"[{self.elapsed_seconds:5.1f} s] {phase}\n")
        self._phase = phase

    def on_bytes(self, what: str) -> Callable[[int, int], None]:
        """Return a function that shows how many of many bytes are done: live, or elsewhere by a line now and then."""
        self._next_count = 0.0

        def show(done: int, total: int) -> None:
            now = self.elapsed_seconds
            if total <= _MANY_BYTES or now < self._next_count:
                return
            self._next_count = now + (_REFRESH_SECONDS if self._is_live else _LINE_SECONDS)
            text = f"[{now:5.1f} s] {what} {done / 1024**2:.1f} of {total / 1024**2:.1f} MiB"
            self.clear()
            self._write(text if self._is_live else f"{text}\n")

        return show

    def write_through(self, text: str) -> None:
        """Write permanent lines in place of the live line."""
        self.clear()
        self._write(text)

    def clear(self) -> None:
        """Remove the live line."""
        if self._is_live:
            clear_line(self._stream)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def follow_logs(session: Session, path: str, question: str, output: Output) -> None:
    """Print the lines of `path` as they arrive, until Ctrl-C; a short outage of Lifecycle is waited out."""
    # Ctrl-C is the normal end of following.
    with contextlib.suppress(KeyboardInterrupt):
        lines = LineWriter(sys.stdout, output)
        heard = _print_stream(session, f"{path}?{question}", lines)
        while True:
            say("the connection broke off; some lines may be missing")
            heard = _print_stream_again(session, f"{path}?tail=0", lines, heard)


def watch_deployment(
    session: Session,
    deployment_id: str,
    progress: Progress,
    timeout_seconds: float = LONGEST_DEPLOYMENT_SECONDS,
    build_log: "BuildLog | None" = None,
) -> dict[str, Any]:
    """Show a deployment until it is done; raises DeploymentError when it fails or takes too long."""

    def show(deployment: dict[str, Any]) -> None:
        if build_log is not None:
            build_log.update(deployment)
        progress.update(deployment)

    try:
        return follow_deployment(session, deployment_id, show, timeout_seconds)
    except KeyboardInterrupt:
        progress.clear()
        say(f"deployment {deployment_id} goes on at the server; {describe_ways(deployment_id)}")
        raise
    finally:
        progress.clear()


class BuildLog:
    """Writes the new lines of a deployment's build log, about once a second."""

    def __init__(
        self,
        session: Session,
        deployment_id: str,
        write: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._path = f"deploy/{deployment_id}/build-logs"
        self._write = write
        self._monotonic = monotonic
        self._next_time = 0.0
        self._shown = 0

    def update(self, deployment: dict[str, Any]) -> None:
        """Write the lines that were added since the last call; the whole rest when the deployment has ended."""
        is_over = str(deployment["status"]).lower() in ("done", "failed")
        if not is_over and self._monotonic() < self._next_time:
            return
        self._next_time = self._monotonic() + 1
        try:
            answer = self._session.call("GET", self._path)
        except (RequestError, ResponseError):
            return  # Older servers have no build log, and `follow_deployment` reports an outage.
        log = str(answer["logs"])
        # Only whole lines: the last line may be incomplete while the build goes on.
        end = len(log) if is_over else log.rfind("\n") + 1
        if end > self._shown:
            self._write(log[self._shown : end].rstrip("\n") + "\n")
            self._shown = end


def _print_stream_again(session: Session, path: str, lines: "LineWriter", heard: float) -> float:
    """Print the stream again as soon as Lifecycle offers it; return the time of the last contact."""
    while True:
        time.sleep(_PAUSE_SECONDS)
        try:
            return _print_stream(session, path, lines)
        except (RequestError, ResponseError) as error:
            if not is_transient(error) or time.monotonic() - heard > MAX_OUTAGE_SECONDS:
                raise


def _print_stream(session: Session, path: str, lines: "LineWriter") -> float:
    """Print until the stream ends or breaks; raises the error of a stream that could not be opened."""
    with session.stream_lines(path) as events, contextlib.suppress(RequestError):
        for event in events:
            if event.startswith("data: "):
                lines.write(json.loads(event.removeprefix("data: ")))
    return time.monotonic()


class LineWriter:
    """Writes the lines of a followed log.

    A line with a carriage return at its end is a frame, such as that of a progress bar: the next line replaces it.
    On a terminal it is overwritten; elsewhere each frame gets a line.
    """

    def __init__(self, stream: TextIO, output: Output) -> None:
        self._stream = stream
        self._output = output
        self._is_live = stream.isatty() and output == Output.TEXT
        self._frame = ""

    def write(self, line: str) -> None:
        """Write a line, or a frame."""
        is_frame, text = line.endswith("\r"), line.rstrip()
        if self._output == Output.JSON:
            # A stream has no end, so that in JSON each line is a value of its own.
            self._stream.write(json.dumps(f"{text}\r" if is_frame else text) + "\n")
        elif self._is_live:
            if self._frame:
                clear_line(self._stream)
            columns = shutil.get_terminal_size().columns
            self._stream.write(text[: columns - 1] if is_frame else f"{text}\n")
        elif is_frame or text != self._frame:
            self._stream.write(f"{text}\n")
        self._frame = text if is_frame else ""
        self._stream.flush()
