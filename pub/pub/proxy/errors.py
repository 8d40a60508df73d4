"""The gateway's own answers. They never show internal addresses."""

import json
from dataclasses import dataclass, field

from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.entities.lifecycle_client import LifecycleError

from pub.proxy.call import Call, find_header
from pub.proxy.upstream import ConnectionTimedOut, Misdirected, ResponseTimedOut, UpstreamError
from pub.routing.route import Route

Headers = list[tuple[bytes, bytes]]


@dataclass
class CallFailed(Exception):
    """The call ends here, with this answer."""

    status: int
    error: str
    details: dict[str, object] = field(default_factory=dict)
    retry_after: int | None = None

    def render(self, call: Call) -> tuple[Headers, bytes]:
        """Return headers and body, its keys sorted."""
        content = {"error": self.error, "requestId": call.tracing_id} | self.details
        body = json.dumps(content, sort_keys=True).encode()
        headers = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (call.tracing_header.lower().encode(), call.tracing_id.encode()),
        ]
        if find_header(call.headers, b"expect"):
            # The body that the caller announced was not asked for: what it sends next may be either that or another request.
            headers.append((b"connection", b"close"))
        if self.retry_after is not None:
            headers.append((b"retry-after", str(self.retry_after).encode()))
        return headers, body


def refused(error: LifecycleError, *, is_debug: bool) -> CallFailed:
    """Lifecycle's refusal as the caller sees it."""
    cause = f"Authorizing Job caller: {error}"
    if error.status == 401:
        shown = f": {cause}" if is_debug else ""
        return CallFailed(401, f"Proxy request error: Unauthenticated{shown}")
    if error.status == 404:
        return CallFailed(404, f"Proxy request error: Job was not found: {cause}")
    if error.status == 503:
        return CallFailed(503, f"Proxy request error: {cause}", retry_after=5)
    status = error.status if error.status == 400 else 500
    return CallFailed(status, f"Proxy request error: Getting job details: {cause}")


def unknown() -> CallFailed:
    """Lifecycle can't be asked and nothing is remembered."""
    return CallFailed(
        503, "Proxy request error: Lifecycle does not answer now, try again", retry_after=2
    )


def overloaded() -> CallFailed:
    """The gateway has as much to do as it may."""
    return CallFailed(503, "Proxy request error: too many calls at once, try again", retry_after=1)


def broken() -> CallFailed:
    """The gateway itself failed."""
    return CallFailed(500, "Proxy request error: internal error, see PUB's log for this requestId")


def unreachable(route: Route, error: UpstreamError | None) -> CallFailed:
    """The job did not answer."""
    details = _describe(route)
    if route.status == JobStatus.STARTING:
        return CallFailed(
            503, "Reverse proxy error: the job is starting, try again", details, retry_after=2
        )
    if isinstance(error, Misdirected):
        return CallFailed(503, f"Reverse proxy error: {error.text}, try again", details, 1)
    if isinstance(error, (ConnectionTimedOut, ResponseTimedOut)):
        return CallFailed(504, f"Reverse proxy error: {error.text}", details)
    cause = error.text if error else "the job has no address"
    hint = "job may have died" if error and not error.is_unsent else "job may be dead"
    return CallFailed(502, f"Reverse proxy error: {cause} ({hint})", details)


def lost_sight(route: Route) -> CallFailed:
    """The job is not where it was, and Lifecycle, who knows where it is, can't be asked."""
    return CallFailed(
        503,
        "Reverse proxy error: the job moved or died while Lifecycle does not answer, try again",
        _describe(route),
        retry_after=2,
    )


def no_websocket(route: Route, status: int) -> CallFailed:
    """The job answered a WebSocket's handshake with a plain status."""
    return CallFailed(
        status if status >= 400 else 502,
        f"Reverse proxy error: the job does not accept a WebSocket here, it answered {status}",
        _describe(route),
    )


def behind_a_gateway(route: Route) -> CallFailed:
    """The job is where this gateway can't reach it."""
    return CallFailed(
        502,
        "Reverse proxy error: jobs behind remote gateways can't be called yet",
        _describe(route),
    )


def _describe(route: Route) -> dict[str, object]:
    return {
        "jobName": route.name,
        "jobVersion": route.version,
        "jobStatus": route.status,
        "caller": route.caller,
    }
