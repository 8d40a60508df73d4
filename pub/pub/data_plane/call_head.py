"""Heads of calls, judged: which route they ask for, and the head that the job gets.

A head for a job is a form with three blanks, which differ from call to call: address, client and tracing id.
"""

import dataclasses

from racetrack_commons.auth.cookies import SAFE_METHODS
from starlette.types import Message, Scope

from pub.config import PubConfig
from pub.data_plane.memory import HeadMemory
from pub.http1.bodies import ChunkedBody, SizedBody
from pub.http1.request_head import RequestHead, parse_request_head
from pub.metrics import JobCounters, PubMetrics
from pub.proxy.call import Call, read_call
from pub.proxy.headers import HeaderRules, job_target
from pub.routing.route import Route, RouteQuery

_MOST_ENTRIES = 8192
_MOST_BYTES = 4 * 1024 * 1024
_BLANK = "\0"
"""Stands for what differs from call to call; no head of a request can hold it."""


class RoutedHead:
    """The head of a call on one route."""

    __slots__ = ("_form", "counters", "route")

    def __init__(self, route: Route, form: bytes, counters: JobCounters) -> None:
        self.route = route
        self.counters = counters
        self._form = form.split(_BLANK.encode())

    def fill(self, address: str, client: bytes, tracing_id: bytes) -> list[bytes]:
        """Return the pieces of the head for the job."""
        line, before_client, before_id, end = self._form
        return [line, address.encode(), before_client, client, before_id, tracing_id, end]


class CallHead:
    """The head of a call, as far as it is the same for all calls with the same bytes."""

    __slots__ = (
        "epoch",
        "expects_permission",
        "fresh_until",
        "is_last",
        "is_old",
        "is_safe",
        "is_to_head",
        "query",
        "raw",
        "routed",
        "size",
        "text",
        "tracing_id",
    )

    def __init__(self, raw: bytes, head: RequestHead, call: Call, tracing_id: str) -> None:
        self.raw = raw
        self.size = head.size
        """The size of the body; None if it comes in chunks."""
        self.is_to_head = head.method == "HEAD"
        self.is_safe = head.method in SAFE_METHODS
        self.is_old = head.is_old
        self.is_last = head.is_last
        self.expects_permission = head.expects_permission
        self.query: RouteQuery = call.route_query
        self.text = str(call)
        """The call as logs show it."""
        self.tracing_id = tracing_id
        """The id that the caller gave; empty if each call gets an id of its own."""
        self.routed: RoutedHead | None = None
        self.epoch = -1
        """The epoch of the resolver in which the decision about `routed` is fresh."""
        self.fresh_until = 0.0

    def make_body(self) -> SizedBody | ChunkedBody:
        """Return a reader of the body."""
        return ChunkedBody() if self.size is None else SizedBody(self.size)


class CallJudge:
    """Judges heads of requests, and remembers those of calls."""

    def __init__(self, rules: HeaderRules, config: PubConfig, metrics: PubMetrics) -> None:
        self._rules = rules
        self._config = config
        self._metrics = metrics
        self._tracing_name = config.request_tracing_header.lower().encode()
        self.memory: HeadMemory[CallHead] = HeadMemory(_MOST_ENTRIES, _MOST_BYTES)

    def judge(self, raw: bytes, head: RequestHead) -> CallHead | None:
        """Return what the head of a call means; None for requests that are no calls, and for WebSockets."""
        if head.upgrade == b"websocket":
            return None
        call = read_call(_make_scope(head, ""), _receive, _send, self._config)
        if call is None:
            return None
        given = call.tracing_id if self._has_given(head, call.tracing_id) else ""
        judged = CallHead(raw, head, call, given)
        is_usual = not (head.is_last or head.expects_permission or head.size is None)
        if is_usual:
            self.memory.keep(raw, judged)
        return judged

    def read(self, head: CallHead, client: str, tracing_id: str) -> Call:
        """Return a call with all that rules and error pages look at."""
        scope = _make_scope(parse_request_head(head.raw), client)
        call = read_call(scope, _receive, _send, self._config)
        if call is None:
            raise RuntimeError("the head of a call is none any more")
        return dataclasses.replace(call, tracing_id=tracing_id)

    def route(self, head: CallHead, route: Route) -> RoutedHead:
        """Return the head on a route; it is made again only when the route has changed."""
        routed = head.routed
        if routed is None or routed.route != route:
            call = self.read(head, _BLANK, _BLANK)
            counters = self._metrics.of_job(route.name, route.version)
            routed = head.routed = RoutedHead(route, self._make_form(call, route, head), counters)
        return routed

    def _make_form(self, call: Call, route: Route, head: CallHead) -> bytes:
        own = self._rules.to_job_in_bytes(call, route)
        fields = self._rules.show_secret_in_bytes(own, route)
        line = f"{call.method} {job_target(call, route)} HTTP/1.1".encode("latin-1")
        lines = [line, b"Host: " + _BLANK.encode(), *(b"%b: %b" % field for field in fields)]
        if head.size is None:
            lines.append(b"transfer-encoding: chunked")
        return b"\r\n".join([*lines, b"", b""])

    def _has_given(self, head: RequestHead, tracing_id: str) -> bool:
        given = tracing_id.encode()
        return any(name == self._tracing_name and value == given for name, value in head.fields)


def _make_scope(head: RequestHead, client: str) -> Scope:
    return {
        "type": "http",
        "method": head.method,
        "path": head.path.decode(),
        "raw_path": head.path,
        "query_string": head.query,
        "headers": head.fields,
        "client": (client, 0),
        "scheme": "http",
    }


async def _receive() -> Message:
    raise RuntimeError("the data plane reads bodies itself")


async def _send(_: Message) -> None:
    raise RuntimeError("the data plane sends answers itself")
