"""The gateway's own answers. They never show internal addresses."""

import json
from dataclasses import dataclass, field

from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.entities.lifecycle_client import LifecycleError
from starlette.types import Send


@dataclass
class CallFailed(Exception):
    """The call ends here, with this answer."""

    status: int
    error: str
    details: dict[str, object] = field(default_factory=dict)
    retry_after: int | None = None


def refused(error: LifecycleError, *, is_debug: bool) -> CallFailed:
    """Lifecycle's refusal as the caller sees it."""
    if error.status == 401:
        cause = f": Authorizing Job caller: {error}" if is_debug else ""
        return CallFailed(401, f"Proxy request error: Unauthenticated{cause}")
    if error.status == 404:
        return CallFailed(
            404, f"Proxy request error: Job was not found: Authorizing Job caller: {error}"
        )
    if error.status == 503:
        return CallFailed(
            503, f"Proxy request error: Authorizing Job caller: {error}", retry_after=5
        )
    if error.status == 400:
        return CallFailed(400, f"Proxy request error: Getting job details: {error}")
    return unknown()


def unknown() -> CallFailed:
    """Lifecycle can't be asked and nothing is remembered."""
    return CallFailed(
        503, "Proxy request error: Lifecycle does not answer now, try again", retry_after=2
    )


def unreachable(name: str, version: str, status: str, cause: str) -> CallFailed:
    """The job did not answer."""
    details: dict[str, object] = {"jobName": name, "jobVersion": version, "jobStatus": status}
    if status == JobStatus.STARTING:
        return CallFailed(
            503, "Reverse proxy error: the job is starting, try again", details, retry_after=2
        )
    return CallFailed(502, f"Reverse proxy error: {cause} (job may be dead)", details)


async def send_failure(send: Send, failure: CallFailed, request_id: str) -> None:
    """Send the answer, its keys sorted."""
    body = json.dumps(
        {"error": failure.error, "requestId": request_id} | failure.details, sort_keys=True
    ).encode()
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    if failure.retry_after is not None:
        headers.append((b"retry-after", str(failure.retry_after).encode()))
    await send({"type": "http.response.start", "status": failure.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
