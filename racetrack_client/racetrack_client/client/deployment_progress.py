"""Following a deployment to its end, by asking Lifecycle for it again and again."""

import time
from collections.abc import Callable
from typing import Any

from racetrack_client.client.session import LONGEST_DEPLOYMENT_SECONDS, Session
from racetrack_client.utils.request import RequestError, ResponseError

MAX_OUTAGE_SECONDS = 60


class DeploymentError(RuntimeError):
    """The deployment failed; the message comes from the server."""

    def __str__(self) -> str:
        return f"deployment error: {super().__str__()}"


def follow_deployment(
    session: Session,
    deployment_id: str,
    on_progress: Callable[[dict[str, Any]], None],
    timeout_seconds: float = LONGEST_DEPLOYMENT_SECONDS,
) -> dict[str, Any]:
    """Poll the deployment until it is done; raises DeploymentError when it fails or takes too long.

    `on_progress` is called with each state. A short outage of Lifecycle is waited out.
    """
    started = answered = time.monotonic()
    while True:
        try:
            deployment = session.call("GET", f"deploy/{deployment_id}")
            answered = time.monotonic()
        except (RequestError, ResponseError) as error:
            if not is_transient(error) or time.monotonic() - answered > MAX_OUTAGE_SECONDS:
                raise
            time.sleep(0.2)
            continue
        on_progress(deployment)
        status = str(deployment["status"]).lower()
        if status == "failed":
            raise DeploymentError(deployment["error"] or "no cause is known")
        if status == "done":
            return dict(deployment)
        elapsed = time.monotonic() - started
        if elapsed > timeout_seconds:
            raise DeploymentError(
                f"not done after {timeout_seconds:g} s; "
                f"deployment {deployment_id} goes on at the server; {describe_ways(deployment_id)}"
            )
        time.sleep(min(0.5, max(0.03, elapsed / 20)))


def describe_ways(deployment_id: str) -> str:
    """Return the commands for a deployment that nothing follows any more."""
    return (
        f"`racetrack attach {deployment_id}` follows it, `racetrack cancel {deployment_id}` ends it"
    )


def is_running(deployment: dict[str, Any]) -> bool:
    """Return whether a deployment goes on."""
    return str(deployment["status"]).lower() == "in_progress"


def describe_status(deployment: dict[str, Any]) -> str:
    """Return the phase of a deployment that goes on, else what became of it: older servers know neither serving nor cancelled."""
    if is_running(deployment):
        return str(deployment.get("phase") or "submitted")
    if deployment.get("is_cancelled"):
        return "cancelled"
    return "serving" if deployment.get("is_serving") else str(deployment["status"]).lower()


def describe_end(deployment: dict[str, Any]) -> str:
    """Return what became of a deployment that did not succeed, with its cause."""
    cause = find_cause(deployment)
    if deployment.get("is_cancelled"):  # The cause says so, and by whom.
        return f"was {cause}"
    return f"failed: {cause}" if cause else "failed"


def find_cause(deployment: dict[str, Any]) -> str | None:
    """Return the first line of what ended a deployment that is not done, None for others."""
    return (deployment.get("error") or "").strip().partition("\n")[0] or None


def is_transient(error: Exception) -> bool:
    """Return whether the same request may succeed a moment later."""
    # While Lifecycle restarts, it refuses connections, or the proxy in front of it answers 502 or 503.
    return isinstance(error, RequestError) or getattr(error, "status_code", 0) >= 500
