"""Following the log of a job, until the reader has seen enough."""

import contextlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from racetrack_client.client.deploy import MAX_OUTAGE_SECONDS, follow_deployment, is_transient
from racetrack_client.client.session import LONGEST_DEPLOYMENT_SECONDS, Session
from racetrack_client.commands.options import Output, say
from racetrack_client.utils.request import RequestError, ResponseError

_PAUSE_SECONDS = 0.5


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

    @property
    def elapsed_seconds(self) -> float:
        """Seconds since the start."""
        return self._monotonic() - self._started

    def update(self, deployment: dict[str, Any]) -> None:
        """Take in a newer state of the deployment."""
        warnings = deployment.get("warnings") or self._warnings
        if warnings != self._warnings:
            self.clear()
            self._write(f"warning: {warnings.removeprefix(self._warnings).strip()}\n")
            self._warnings = warnings
        phase = deployment.get("phase") or self._phase
        if self._is_live:
            self._write(f"\r\033[2K[{self.elapsed_seconds:5.1f} s] {phase or 'submitted'}")
        elif phase != self._phase:
            self._write(f"[{self.elapsed_seconds:5.1f} s] {phase}\n")
        self._phase = phase

    def write_through(self, text: str) -> None:
        """Write lines that stay, in place of the live line."""
        self.clear()
        self._write(text)

    def clear(self) -> None:
        """Take the live line away."""
        if self._is_live:
            self._write("\r\033[2K")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def follow_logs(session: Session, path: str, tail: int, output: Output) -> None:
    """Print the lines of `path` as they come; goes on after a short outage of Lifecycle."""
    # Ctrl-C is how a reader says that it was enough.
    with contextlib.suppress(KeyboardInterrupt):
        heard = _print_stream(session, f"{path}?tail={tail}", output)
        while True:
            say("the connection broke off; some lines may be missing")
            heard = _print_stream_again(session, f"{path}?tail=0", output, heard)


def watch_deployment(
    session: Session,
    deployment_id: str,
    progress: Progress,
    timeout_seconds: float = LONGEST_DEPLOYMENT_SECONDS,
    build_log: "BuildLog | None" = None,
) -> dict[str, Any]:
    """Show a deployment until it is done; DeploymentError when it failed or takes too long."""

    def show(deployment: dict[str, Any]) -> None:
        if build_log is not None:
            build_log.update(deployment)
        progress.update(deployment)

    try:
        return follow_deployment(session, deployment_id, show, timeout_seconds)
    except KeyboardInterrupt:
        progress.clear()
        say(f"deployment {deployment_id} goes on at the server; `racetrack list` shows the job")
        raise
    finally:
        progress.clear()


class BuildLog:
    """Writes what is new in the log of a deployment's build, about once in a second."""

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
        """Write what was added since the last time; all of it when the deployment is over."""
        is_over = str(deployment["status"]).lower() in ("done", "failed")
        if not is_over and self._monotonic() < self._next_time:
            return
        self._next_time = self._monotonic() + 1
        try:
            answer = self._session.call("GET", self._path)
        except (RequestError, ResponseError):
            return  # Older servers have none, and an outage is told by whoever follows the deployment.
        log = str(answer["logs"])
        # Whole lines only: the last one may be half a line, unless nothing follows any more.
        end = len(log) if is_over else log.rfind("\n") + 1
        if end > self._shown:
            self._write(log[self._shown : end].rstrip("\n") + "\n")
            self._shown = end


def _print_stream_again(session: Session, path: str, output: Output, heard: float) -> float:
    """Print the stream once more, as soon as there is one; returns when it was heard last."""
    while True:
        time.sleep(_PAUSE_SECONDS)
        try:
            return _print_stream(session, path, output)
        except (RequestError, ResponseError) as error:
            if not is_transient(error) or time.monotonic() - heard > MAX_OUTAGE_SECONDS:
                raise


def _print_stream(session: Session, path: str, output: Output) -> float:
    """Print until the stream ends or breaks; the error of one that never began is raised."""
    with session.stream_lines(path) as lines, contextlib.suppress(RequestError):
        for line in lines:
            if line.startswith("data: "):
                _print_line(json.loads(line.removeprefix("data: ")).rstrip(), output)
    return time.monotonic()


def _print_line(text: str, output: Output) -> None:
    # A stream has no end: as JSON each line is a value of its own.
    sys.stdout.write((json.dumps(text) if output == Output.JSON else text) + "\n")
    sys.stdout.flush()
