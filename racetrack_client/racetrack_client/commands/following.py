"""Following the log of a job, until the reader has seen enough."""

import contextlib
import json
import sys
import time

from racetrack_client.client.deploy import MAX_OUTAGE_SECONDS, is_transient
from racetrack_client.client.session import Session
from racetrack_client.commands.options import Output, say
from racetrack_client.utils.request import RequestError, ResponseError

_PAUSE_SECONDS = 0.5


def follow_logs(session: Session, path: str, tail: int, output: Output) -> None:
    """Print the lines of `path` as they come; goes on after a short outage of Lifecycle."""
    # Ctrl-C is how a reader says that it was enough.
    with contextlib.suppress(KeyboardInterrupt):
        heard = _print_stream(session, f"{path}?tail={tail}", output)
        while True:
            say("the connection broke off; some lines may be missing")
            heard = _print_stream_again(session, f"{path}?tail=0", output, heard)


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
