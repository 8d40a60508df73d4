"""The caller's connection: it frames all requests strictly, forwards calls itself, and leaves the others to uvicorn.

It reads one request at a time. What follows it waits, and is read once the answer is whole.
"""

import asyncio
import socket
import struct
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any

import httptools
from racetrack_commons.api.connections import BoundedConfig, BoundedConnection

from pub.data_plane.call_head import CallHead
from pub.data_plane.forwarded_call import ForwardedCall
from pub.data_plane.plane import DataPlane
from pub.http1.bodies import BodyReader
from pub.http1.fields import HEAD_END, BadMessage, check_part_of_head
from pub.http1.request_head import RequestHead, parse_request_head

_MOST_UNREAD_BYTES = 64 * 1024
_DRAINED_BYTES = 1024 * 1024
"""The bytes of a body that are read at once although its request was answered already."""
_RESET = struct.pack("ii", 1, 0)
"""The option by which closing resets a connection, which no caller takes for the end of an answer."""


class GatewayConnection(BoundedConnection):
    """A connection of a caller, within the limits of all connections."""

    def __init__(self, plane: DataPlane, config: BoundedConfig, *args: Any, **options: Any) -> None:
        super().__init__(config, *args, **options)
        self._plane = plane
        self._heads = plane.calls.memory
        self._call: ForwardedCall | None = None
        self._body: BodyReader | None = None
        """The body of the present request, while it arrives."""
        self._is_left_to_uvicorn = False
        """True if uvicorn reads the present request."""
        self._unread = b""
        """The beginning of a head, or requests that wait for their turn."""
        self.is_stopping = False
        self.client_bytes = b""

    def connection_made(self, transport: Any) -> None:
        """Begin, as the event loop tells."""
        super().connection_made(transport)
        self.client_bytes = (self.client[0] if self.client else "unknown").encode()

    @property
    def is_answering(self) -> bool:
        """Return whether a request runs."""
        return self._call is not None or super().is_answering

    @property
    def has_begun_answer(self) -> bool:
        """Return whether the caller has got the beginning of an answer that has not ended."""
        return super().has_begun_answer if self._call is None else self._call.has_begun_answer

    @property
    def is_full(self) -> bool:
        """Return whether the caller does not read what was sent to it."""
        return bool(self.flow.write_paused)

    @property
    def is_waiting_for_permission(self) -> bool:
        """Return whether the caller was not told yet that it may send the body."""
        if self._call is not None:
            return self._call.is_waiting_for_permission
        return super().is_waiting_for_permission

    def data_received(self, data: bytes) -> None:
        """Read what arrived."""
        if self.is_refused:
            return
        self.received += len(data)
        if self._unread:
            data, self._unread = self._unread + data, b""
        self._read(data)

    def on_response_complete(self) -> None:
        """Go on after an answer of uvicorn's."""
        super().on_response_complete()
        self._go_on()

    def pause_writing(self) -> None:
        """Pass the caller's slowness on, as the event loop tells."""
        super().pause_writing()
        if self._call is not None:
            self._call.pause_answer()

    def resume_writing(self) -> None:
        """Pass on that the caller reads again."""
        super().resume_writing()
        if self._call is not None:
            self._call.resume_answer()
        elif self._unread and not self.is_answering:
            self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the call of a caller that has left."""
        call, self._call = self._call, None
        self._unread = b""
        super().connection_lost(exc)
        if call is not None:
            call.leave()

    def shutdown(self) -> None:
        """Close at once if no request runs, else after its answer."""
        self.is_stopping = True
        if self._call is None:
            super().shutdown()

    def drop_request(self) -> None:
        """End the running request, whose caller gets another answer."""
        call, self._call = self._call, None
        if call is not None:
            call.leave()
        else:
            super().drop_request()

    def write(self, data: bytes) -> None:
        """Send a part of an answer."""
        self.transport.write(data)

    def pause_caller(self) -> None:
        """Read no more for now."""
        self.flow.pause_reading()

    def resume_caller(self) -> None:
        """Read again."""
        self.flow.resume_reading()

    def start_task(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run a part of a call; the server waits for it when it stops."""
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def end_call(self, *, is_last: bool) -> None:
        """Go on with the next request, or close."""
        self._call = None
        self.drainable = _DRAINED_BYTES
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if not is_last and not self.is_stopping:
            self._go_on()
        elif self.is_in_head and not self._unread:
            self.transport.close()
        else:
            self.read_no_more()

    def break_answer(self, *, ends_with_connection: bool) -> None:
        """Close before the answer is whole; where only its connection ends an answer, reset that."""
        self._call = None
        if not ends_with_connection:
            self.transport.close()
            return
        of_transport = self.transport.get_extra_info("socket")
        of_transport.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def _go_on(self) -> None:
        """Read the rest of the present request, or the next one."""
        if self.is_refused or self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self._unread:
            data, self._unread = self._unread, b""
            self._read(data)

    def _read(self, data: bytes) -> None:
        try:
            while data and not self.is_refused:
                if self._body is not None:
                    data = self._read_body(self._body, data)
                elif self.is_answering or self.flow.write_paused:
                    self._wait_with(data)
                    return
                else:
                    data = self._read_head(data)
        except BadMessage as error:
            self.refuse(error.status, error.text)

    def _wait_with(self, data: bytes) -> None:
        self._unread = data
        if len(data) > _MOST_UNREAD_BYTES:
            self.flow.pause_reading()

    def _read_head(self, data: bytes) -> bytes:
        """Begin a request if its head is there; return what follows the head and body."""
        self._unset_keepalive_if_required()
        end = data.find(HEAD_END) + len(HEAD_END)
        if end < len(HEAD_END):
            self._keep_part(data)
            return b""
        if end > self.limits.head_bytes:
            self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return b""
        raw = data[:end]
        head = self._heads.find(raw)
        if head is None:
            parsed = parse_request_head(raw)
            head = self._plane.calls.judge(raw, parsed)
            if head is None:
                return self._leave_to_uvicorn(raw, parsed, data[end:])
        return self._begin_call(head, data[end:])

    def _keep_part(self, part: bytes) -> None:
        """Keep the beginning of a head."""
        check_part_of_head(part)
        self.head_size = len(part)
        self._unread = part
        if len(part) > self.limits.head_bytes:
            self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _begin_call(self, head: CallHead, data: bytes) -> bytes:
        size = head.size
        if size is not None and size <= len(data):
            content, rest = data[:size], data[size:]
            self._expect_head()
        else:
            self._body = head.make_body()
            self.is_in_head = False
            content, rest = self._body.read(data)
            if self._body.is_whole:
                self._body = None
                self._expect_head()
        self._call = ForwardedCall(self._plane, self, head)
        self._call.begin(content, is_whole=self._body is None)
        return rest

    def _leave_to_uvicorn(self, raw: bytes, head: RequestHead, data: bytes) -> bytes:
        """Hand a request that is no call to uvicorn; a parser of its own keeps the framing of earlier ones away from it."""
        body = head.make_body()
        self.parser = httptools.HttpRequestParser(self)
        self.head_size = 0
        self._is_left_to_uvicorn = True
        self._body = None if body.is_whole else body
        self.parse(raw)
        if self.transport.get_protocol() is not self:
            return b""  # The connection is a WebSocket now.
        return data

    def _read_body(self, body: BodyReader, data: bytes) -> bytes:
        content, rest = body.read(data)
        is_whole = body.is_whole
        if is_whole:
            self._body = None
        if self._is_left_to_uvicorn:
            self._is_left_to_uvicorn = not is_whole
            self.parse(data[: len(data) - len(rest)])
            return rest
        if is_whole:
            self._expect_head()
        if self._call is None:
            self.slow_down(len(content))
        elif content or is_whole:
            self._call.take_body(content, is_whole=is_whole)
        return rest

    def _expect_head(self) -> None:
        """Note that the present request is whole."""
        self.is_in_head = True
        self.head_size = 0
        self.requests_read += 1
