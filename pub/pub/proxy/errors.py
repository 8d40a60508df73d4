"""The error answers that the gateway itself gives to callers. They never show internal addresses."""

import json
from dataclasses import dataclass, field

from racetrack_commons.auth.token import AUTH_HEADER
from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.entities.lifecycle_client import LifecycleError

from pub.proxy.call import Call
from pub.proxy.cookies import has_foreign_cookie, read_header
from pub.proxy.upstream import ConnectionTimedOut, Misdirected, ResponseTimedOut, UpstreamError
from pub.routing.route import Route

Headers = list[tuple[bytes, bytes]]
_NOT_PERMITTED = "NotPermitted"
"""Lifecycle's type of refusals whose caller has a valid token; their status is 401, too, because older clients expect it."""


@dataclass
class CallFailed(Exception):
    """A call that ends with an error answer of the gateway."""

    status: int
    error: str
    details: dict[str, object] = field(default_factory=dict)
    retry_after: int | None = None
    is_caller_known: bool = False
    """True if the caller has a valid token, and lacks a permission."""

    def render(self, call: Call) -> tuple[Headers, bytes]:
        """Return the headers and the JSON body of the answer; the keys of the body are sorted."""
        content = {"error": self.error, "requestId": call.tracing_id} | self.details
        body = json.dumps(content, sort_keys=True).encode()
        headers = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (call.tracing_header.lower().encode(), call.tracing_id.encode()),
        ]
        if read_header(call.headers, b"expect"):
            # The caller announced a body that was never asked for: its next bytes could be that body or another request.
            headers.append((b"connection", b"close"))
        if self.retry_after is not None:
            headers.append((b"retry-after", str(self.retry_after).encode()))
        return headers, body


def refused(error: LifecycleError, *, is_debug: bool) -> CallFailed:
    """Make the answer for a call that Lifecycle refused; `is_debug` adds the fault of a token to a 401."""
    cause = f"Authorizing Job caller: {error}"
    if error.status == 401 and error.type == _NOT_PERMITTED:
        reason = f"Proxy request error: the caller is authenticated, but {error}"
        return CallFailed(401, reason, is_caller_known=True)
    if error.status == 401:
        shown = f": {cause}" if is_debug else ""
        return CallFailed(401, f"Proxy request error: Unauthenticated{shown}")
    if error.status == 404:
        return CallFailed(404, f"Proxy request error: Job was not found: {cause}")
    if error.status == 503:
        return CallFailed(503, f"Proxy request error: {cause}", retry_after=5)
    status = error.status if error.status == 400 else 500
    return CallFailed(status, f"Proxy request error: Getting job details: {cause}")


def explain(failure: CallFailed, call: Call) -> CallFailed:
    """Return the failure of a call; if only its cookie did not count, with the reason why."""
    if failure.status != 401 or call.token or not has_foreign_cookie(call.scope):
        return failure
    hint = (
        "log-in cookies count only in requests of this host's own pages, send a token in the header"
    )
    return CallFailed(401, f"{failure.error}: {hint} {AUTH_HEADER}")


def unknown() -> CallFailed:
    """Make the answer for a call without a cached decision while Lifecycle does not answer."""
    return CallFailed(
        503, "Proxy request error: Lifecycle does not answer now, try again", retry_after=2
    )


def overloaded() -> CallFailed:
    """Make the answer for a call beyond the limit of concurrent calls."""
    return CallFailed(503, "Proxy request error: too many calls at once, try again", retry_after=1)


def broken() -> CallFailed:
    """Make the answer for a fault of the gateway itself."""
    return CallFailed(500, "Proxy request error: internal error, see PUB's log for this requestId")


def unreachable(route: Route, error: UpstreamError | None) -> CallFailed:
    """Make the answer for a job that did not answer; `error` is None when it has no address."""
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


def moved_during_outage(route: Route) -> CallFailed:
    """Make the answer for a job that left its address while Lifecycle can't be asked for the new one."""
    return CallFailed(
        503,
        "Reverse proxy error: the job moved or died while Lifecycle does not answer, try again",
        _describe(route),
        retry_after=2,
    )


def no_websocket(route: Route, status: int) -> CallFailed:
    """Make the answer for a WebSocket whose handshake the job answered with a plain status."""
    return CallFailed(
        status if status >= 400 else 502,
        f"Reverse proxy error: the job does not accept a WebSocket here, it answered {status}",
        _describe(route),
    )


def behind_a_gateway(route: Route) -> CallFailed:
    """Make the answer for a job that this gateway can't reach, because it is behind a remote gateway."""
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
