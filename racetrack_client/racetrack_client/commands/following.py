"""Following the log of a job, until the reader has seen enough."""

import contextlib
import json
import sys
import time
from typing import Any

from racetrack_client.client.deploy import MAX_OUTAGE_SECONDS, is_transient
from racetrack_client.client.session import Session, job_path
from racetrack_client.commands.options import Output, say
from racetrack_client.utils.request import RequestError, ResponseError

_PAUSE_SECONDS = 0.5


def follow_logs(session: Session, job: dict[str, Any], tail: int, output: Output) -> None:
    """Print the last lines of a job's log, and new ones as they come."""
    # Ctrl-C is how a reader says that it was enough.
    with contextlib.suppress(KeyboardInterrupt):
        LogFollower(session, job, output).follow(tail)


class LogFollower:
    """Goes on after a short outage of Lifecycle, and with the new instance when the job is deployed again."""

    def __init__(self, session: Session, job: dict[str, Any], output: Output) -> None:
        self._session = session
        self._job = job
        self._output = output

    def follow(self, tail: int) -> None:
        """Print lines until there is an error that stays, such as that the job is gone."""
        heard = self._print_stream(tail)
        while True:
            heard = self._print_again(tail, heard)

    def _print_again(self, tail: int, heard: float) -> float:
        while True:
            time.sleep(_PAUSE_SECONDS)
            try:
                job = self._get_job()
                is_another = job.get("internal_name") != self._job.get("internal_name")
                self._job = job
                if is_another:
                    say(f"{job['name']} {job['version']} was deployed again; its new log:")
                else:
                    say("the connection broke off; some lines may be missing")
                return self._print_stream(tail if is_another else 0)
            except (RequestError, ResponseError) as error:
                if not is_transient(error) or time.monotonic() - heard > MAX_OUTAGE_SECONDS:
                    raise

    def _print_stream(self, tail: int) -> float:
        """Print until the stream ends or breaks, or is of an instance that serves no more; returns when that was."""
        path = job_path(self._job["name"], self._job["version"], f"logs/follow?tail={tail}")
        with self._session.stream_lines(path) as lines, contextlib.suppress(RequestError):
            for line in lines:
                if line.startswith("data: "):
                    self._print(json.loads(line.removeprefix("data: ")).rstrip())
                elif line.startswith(":") and self._is_replaced():
                    break
        return time.monotonic()

    def _is_replaced(self) -> bool:
        """Whether another instance serves; asked when Lifecycle says that nothing was logged for a while."""
        try:
            return bool(self._get_job().get("internal_name") != self._job.get("internal_name"))
        except (RequestError, ResponseError) as error:
            if not is_transient(error):
                raise
            return False

    def _get_job(self) -> dict[str, Any]:
        return dict(self._session.call("GET", job_path(self._job["name"], self._job["version"])))

    def _print(self, text: str) -> None:
        # A stream has no end: as JSON each line is a value of its own.
        sys.stdout.write((json.dumps(text) if self._output == Output.JSON else text) + "\n")
        sys.stdout.flush()
