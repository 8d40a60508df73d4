"""Watching a deployment: its phases, its build log if wanted, and what remains when the watcher leaves."""

import time
from collections.abc import Callable
from typing import Any

from racetrack_client.client.deploy import follow_deployment
from racetrack_client.client.session import LONGEST_DEPLOYMENT_SECONDS, Session
from racetrack_client.commands.options import say
from racetrack_client.commands.progress import Progress
from racetrack_client.utils.request import RequestError, ResponseError


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
