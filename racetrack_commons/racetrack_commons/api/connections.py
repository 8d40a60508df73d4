"""Connections of an HTTP server: requests with bounded heads, which begin and go on in time, and a bounded number of idle ones.

uvicorn reads heads of any length, waits for them without a limit, and counts connections where it should count requests.
The fast path stays as it is: a connection counts bytes, and once a second `ConnectionWatch` looks for those that are late.
A connection that has sent nothing has neither parser nor addresses yet: strangers may open thousands at once.
The stand-alone job wrapper has a copy of this module, which tests/house holds equal.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_LINGER_SECONDS = 2
"""The time that a refused client gets to read its answer: closing at once would make its system discard it."""
_DRAIN_SECONDS = 20
_PAUSE_SECONDS = 0.5
_DRAIN_CHUNKS = 16
"""The chunks per turn that are read of bodies whose request was answered before they ended."""
_CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True)
class ConnectionLimits:
    """The limits of a server's connections."""

    requests: int | None = 2000
    """The most requests at once, beyond which callers get 503; None: the app limits them itself."""
    idle: int = 2000
    """The most connections without a request; beyond it, those that have been idle longest are closed."""
    head_bytes: int = 64 * 1024
    """The largest head of a request: its line and headers."""
    head_seconds: float = 20
    """The time within which a head has to arrive."""
    body_seconds: float = 30
    """The time within which `body_bytes` of a body have to arrive, while the app reads it."""
    body_bytes: int = 1024
    """The least part of a body that has to arrive in `body_seconds`."""
    unread_seconds: float = 120
    """The time that a client may leave an answer unread."""
    pipelined: int = 100
    """The most requests that may wait on one connection for the answer to an earlier one."""


class BoundedConfig(uvicorn.Config):
    """uvicorn's configuration with limits of connections."""

    def __init__(self, app: Any, limits: ConnectionLimits, **options: Any) -> None:
        super().__init__(app, http=SilentConnection, **options)
        self.limits = limits
        self.watch = ConnectionWatch(limits)
        self.make_connection: Any = BoundedConnection


class SilentConnection(asyncio.Protocol):
    """A connection that has sent nothing yet; its first byte makes it a `BoundedConnection`."""

    def __init__(self, config: BoundedConfig, **arguments: Any) -> None:
        self._config = config
        self._arguments = arguments
        self._connections: set[Any] = arguments["server_state"].connections
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait, in place of connections that are idle for long if there are too many."""
        self.transport = transport
        self._connections.add(self)
        self._config.watch.silent[self] = time.monotonic()
        self._config.watch.admit(self._connections)

    def data_received(self, data: bytes) -> None:
        """Hand over to a connection that reads requests."""
        self.connection_lost(None)
        connection = self._config.make_connection(self._config, **self._arguments)
        self.transport.set_protocol(connection)
        connection.connection_made(self.transport)
        connection.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._connections.discard(self)
        self._config.watch.silent.pop(self, None)

    def shutdown(self) -> None:
        """Close; uvicorn calls it when the server stops."""
        self.transport.close()


class RequestRefused(Exception):
    """Stops the parser: the request was refused."""


class BoundedConnection(HttpToolsProtocol):
    """A connection that keeps to the limits."""

    def __init__(self, config: BoundedConfig, *args: Any, **options: Any) -> None:
        super().__init__(config, *args, **options)
        self.limits = config.limits
        self.watch = config.watch
        self.received = 0
        self.head_size = 0
        self.is_in_head = True
        self.requests_read = 0
        self.is_refused = False
        self.drainable = 0
        self.progress = ConnectionProgress(self)

    @property
    def is_answering(self) -> bool:
        """Return whether a request runs."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def is_idle(self) -> bool:
        """Return whether no request runs or arrives; the head of the first one may be on its way."""
        return self.is_in_head and not self.is_answering

    @property
    def has_begun_answer(self) -> bool:
        """Return whether the client has got the beginning of an answer that has not ended."""
        return self.is_answering and bool(self.cycle.response_started)

    @property
    def is_waiting_for_permission(self) -> bool:
        """Return whether the client was not told yet that it may send the body."""
        return self.is_answering and bool(self.cycle.waiting_for_100_continue)

    @property
    def is_draining(self) -> bool:
        """Return whether the body of an answered request still arrives."""
        return not self.is_in_head and not self.is_answering

    def data_received(self, data: bytes) -> None:
        """Count and parse what arrived."""
        if not self.is_refused:
            self.received += len(data)
            self.parse(data)

    def parse(self, data: bytes) -> None:
        """Parse what arrived, as uvicorn does, within the limits of heads and drained bodies."""
        if self.is_in_head:
            self.head_size += len(data)
        super().data_received(data)
        if not self.is_in_head:
            self.slow_down(len(data))
        elif self.head_size > self.limits.head_bytes:
            self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """Begin the request, unless its head is too large or too many wait before it."""
        if (
            self.head_size > self.limits.head_bytes
            and self._measure_head() > self.limits.head_bytes
        ):
            self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            raise RequestRefused
        if len(self.pipeline) >= self.limits.pipelined:
            self.refuse(HTTPStatus.TOO_MANY_REQUESTS)
            raise RequestRefused
        self.is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expect the next head."""
        self.is_in_head = True
        self.head_size = 0
        self.requests_read += 1
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, or with the rest of the body."""
        self.drainable = _CHUNK_BYTES * 4
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, unless the request was refused already."""
        if not self.is_refused:
            super().send_400_response(msg)

    def shutdown(self) -> None:
        """Close at once if no request runs, else after its answer."""
        if self.is_refused:
            self.transport.abort()
        else:
            super().shutdown()

    def refuse(self, status: HTTPStatus, explanation: str = "") -> None:
        """Answer with an error if no answer has begun, read no more, and close soon."""
        if self.is_refused or self.transport.is_closing():
            return
        self.is_refused = True
        if self.has_begun_answer:
            self.transport.abort()
            return
        self.drop_request()
        self.transport.write(_render_refusal(status, explanation))
        self.read_no_more()

    def drop_request(self) -> None:
        """Tell the app, if it answers a request, that the client is gone."""
        if self.is_answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def read_no_more(self) -> None:
        """Close soon: closing at once could make the client's system discard the answer that was just sent."""
        self.is_refused = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.pause_reading()

    def drain(self, chunks: int) -> None:
        """Read some more of the rest of a body."""
        self.drainable = chunks * _CHUNK_BYTES
        if not self.is_refused and not self.transport.is_closing():
            self.flow.resume_reading()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        is_full = self.limits.requests is not None and len(self.tasks) >= self.limits.requests
        if is_full:
            self.watch.make_room(self.connections)
        super()._start_asgi_task(cycle, _answer_overload if is_full else app)

    def _measure_head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def slow_down(self, size: int) -> None:
        """Pause while the body of an answered request arrives: it must not take the time of others."""
        if not self.is_draining:
            return
        self.drainable -= size
        if self.drainable <= 0:
            self.flow.pause_reading()
            self.watch.draining.append(self)


class ConnectionProgress:
    """The progress of one connection, as the watch sees it once a second."""

    __slots__ = ("_connection", "_phase", "_received", "_unsent", "_unsent_since", "since")

    def __init__(self, connection: BoundedConnection) -> None:
        self._connection = connection
        self._phase: tuple[object, ...] = ()
        self._received = 0
        self._unsent = 0
        self._unsent_since = 0.0
        self.since = time.monotonic()
        """The time at which the present phase began, or at which the body last made progress."""

    @property
    def is_in_body(self) -> bool:
        """Return whether a body arrives, and the watch has seen that before."""
        connection = self._connection
        expected = (connection.requests_read, False, True, False)
        return self._phase[:4] == expected and connection.is_answering and not connection.is_in_head

    def check(self, now: float) -> None:
        """Refuse or close a connection that is late."""
        connection = self._connection
        self._check_reader(now)
        has_begun = not connection.requests_read or connection.head_size > 0
        phase = (connection.requests_read, *_describe(connection), has_begun)
        if phase != self._phase:
            self._phase, self.since, self._received = phase, now, connection.received
        elif connection.is_refused:
            self._end_after(_LINGER_SECONDS, now)
        elif connection.is_draining:
            self._end_after(_DRAIN_SECONDS, now)
        elif connection.is_idle:
            if has_begun and now - self.since >= connection.limits.head_seconds:
                connection.refuse(HTTPStatus.REQUEST_TIMEOUT)
            elif not has_begun and now - self.since >= connection.timeout_keep_alive:
                connection.transport.close()
        elif not connection.is_in_head:
            self._check_body(now)

    def _check_body(self, now: float) -> None:
        connection, limits = self._connection, self._connection.limits
        if connection.flow.read_paused or connection.is_waiting_for_permission:
            self.since, self._received = now, connection.received
        elif now - self.since >= limits.body_seconds:
            if connection.received - self._received < limits.body_bytes:
                connection.refuse(HTTPStatus.REQUEST_TIMEOUT)
            self.since, self._received = now, connection.received

    def _check_reader(self, now: float) -> None:
        connection = self._connection
        unsent = connection.transport.get_write_buffer_size()
        if not unsent or unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
        elif now - self._unsent_since >= connection.limits.unread_seconds:
            connection.transport.abort()

    def _end_after(self, seconds: float, now: float) -> None:
        if now - self.since >= seconds:
            self._connection.transport.abort()


class ConnectionWatch:
    """Looks after all connections of a server."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._admitted = 0
        self._made_room_at = 0.0
        self.silent: dict[SilentConnection, float] = {}
        """Connections that have sent nothing, the oldest first, and when each was made."""
        self.draining: deque[BoundedConnection] = deque()
        """Connections whose request was answered, while its body still arrives."""

    def admit(self, connections: Iterable[Any]) -> None:
        """Close idle connections if there are too many; it looks now and then, because it looks at all of them."""
        self._admitted += 1
        if self._admitted % max(1, self._limits.idle // 20):
            return
        idle = [one for one in _list_bounded(connections) if one.is_idle and not one.is_refused]
        too_many = len(idle) + len(self.silent) - self._limits.idle
        if too_many <= 0:
            return
        # Connections that never had a request come first: a caller's pool keeps those that had some.
        silent = list(islice(self.silent, too_many))
        for connection in silent:
            del self.silent[connection]
            connection.transport.close()
        if too_many > len(silent):
            idle.sort(key=lambda one: (one.requests_read > 0, one.progress.since))
            for one in idle[: too_many - len(silent)]:
                one.transport.close()

    def make_room(self, connections: Iterable[Any]) -> None:
        """Refuse requests of which little has arrived, if they are many: bodies that hardly arrive must not take all places."""
        now = time.monotonic()
        if self._limits.requests is None or now - self._made_room_at < _PAUSE_SECONDS:
            return
        self._made_room_at = now
        arriving = [one for one in _list_bounded(connections) if one.progress.is_in_body]
        arriving.sort(key=lambda one: one.received)
        for connection in arriving[: max(0, len(arriving) - self._limits.requests // 4)]:
            connection.refuse(HTTPStatus.REQUEST_TIMEOUT)

    def tick(self, connections: Iterable[Any], counter: int) -> None:
        """Look after the connections; called ten times a second."""
        self._drain()
        if counter % 10 == 0:
            now = time.monotonic()
            self._end_silent(now - self._limits.head_seconds)
            for connection in _list_bounded(connections):
                connection.progress.check(now)

    def _end_silent(self, before: float) -> None:
        for connection in [one for one, made_at in self.silent.items() if made_at <= before]:
            del self.silent[connection]
            connection.transport.write(_render_refusal(HTTPStatus.REQUEST_TIMEOUT))
            connection.transport.close()

    def _drain(self) -> None:
        turn = [self.draining.popleft() for _ in range(min(_DRAIN_CHUNKS, len(self.draining)))]
        for connection in turn:
            connection.drain(_DRAIN_CHUNKS // len(turn))


def _list_bounded(connections: Iterable[Any]) -> list[BoundedConnection]:
    return [one for one in list(connections) if isinstance(one, BoundedConnection)]


def _describe(connection: BoundedConnection) -> tuple[bool, bool, bool]:
    return connection.is_in_head, connection.is_answering, connection.is_refused


def _render_refusal(status: HTTPStatus, explanation: str = "") -> bytes:
    body = json.dumps({"error": explanation or _EXPLANATIONS[status]}).encode()
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body


async def _answer_overload(_scope: Any, _receive: Any, send: Any) -> None:
    body = b'{"error": "the service is busy with other requests: try again soon"}'
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", b"1"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})


_EXPLANATIONS = {
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "the line and the headers of the request are too large",
    HTTPStatus.REQUEST_TIMEOUT: "the request did not arrive in time",
    HTTPStatus.TOO_MANY_REQUESTS: "too many requests wait on this connection: wait for answers",
}
