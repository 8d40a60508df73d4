"""One call on its way to a job and back.

Most calls go straight through: their route is known, and a connection to the job is idle. A task takes over where a call
has to wait: for Lifecycle's decision, for a new connection, for a job that restarts, or for the body to begin.
"""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, Protocol

from racetrack_client.log.logs import get_logger

from pub.data_plane.call_head import CallHead, RoutedHead
from pub.data_plane.job_answers import JudgedAnswer
from pub.data_plane.job_connection import JobConnection
from pub.data_plane.plane import DataPlane
from pub.http1.bodies import LAST_CHUNK, encode_chunk
from pub.proxy.connect import FirstAttempt
from pub.proxy.errors import CallFailed, broken, overloaded
from pub.proxy.upstream import Misdirected, ResponseTimedOut, UpstreamError
from pub.routing.route import Route, RouteQuery

logger = get_logger(__name__)
_MOST_KEPT_BYTES = 64 * 1024
_PERMISSION = b"HTTP/1.1 100 Continue\r\n\r\n"
_CLOSE = b"\r\nconnection: close"
_CHUNKED = b"\r\ntransfer-encoding: chunked"
_END = b"\r\n\r\n"


class CallerConnection(Protocol):
    """The caller's side of a call."""

    client_bytes: bytes
    """The caller's address."""
    is_stopping: bool
    """True if no further request is read from the connection."""

    @property
    def is_full(self) -> bool:
        """Return whether the caller does not read what was sent to it."""

    def write(self, data: bytes) -> None:
        """Send a part of the answer."""

    def pause_caller(self) -> None:
        """Read no more of the body."""

    def resume_caller(self) -> None:
        """Go on after `pause_caller`."""

    def start_task(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run a part of the call that has to wait."""

    def end_call(self, *, is_last: bool) -> None:
        """Go on with the next request, or close."""

    def break_answer(self, *, ends_with_connection: bool) -> None:
        """Close such that the caller does not take the answer for a whole one, even if only its connection ends it."""


class ForwardedCall:
    """A call between the connection of its caller and one to its job, whose answer it reads."""

    __slots__ = (
        "_address",
        "_arrival",
        "_body",
        "_caller",
        "_connected",
        "_encodes_body",
        "_ends_with_connection",
        "_head",
        "_is_body_whole",
        "_is_kept",
        "_is_last",
        "_is_released",
        "_job",
        "_plane",
        "_routed",
        "_started_at",
        "_status",
        "_task",
        "_timer",
        "has_begun_answer",
        "is_waiting_for_permission",
        "tracing_id",
    )

    def __init__(self, plane: DataPlane, caller: CallerConnection, head: CallHead) -> None:
        self._plane = plane
        self._caller = caller
        self._head = head
        self.tracing_id = head.tracing_id or plane.ids.make()
        self._started_at = time.perf_counter()
        self._body = b""
        """The content of the body that has arrived and not gone to the job, or the whole body: it can be sent again."""
        self._is_body_whole = False
        self._is_kept = True
        """True if the body can be sent from its beginning."""
        self._routed: RoutedHead | None = None
        self._address = ""
        self._job: JobConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._connected: asyncio.Future[None] | None = None
        """The end of an attempt of the task: the answer begins, or the job is lost."""
        self._arrival: asyncio.Future[None] | None = None
        """The arrival of the body's beginning, when the task waits for it."""
        self._timer: asyncio.TimerHandle | None = None
        self._status = ""
        self._encodes_body = False
        """True if the caller gets the body in chunks."""
        self._ends_with_connection = False
        """True if the caller gets the body until its connection ends."""
        self._is_last = head.is_last
        self._is_released = False
        self.has_begun_answer = False
        self.is_waiting_for_permission = head.expects_permission

    def begin(self, content: bytes, *, is_whole: bool) -> None:
        """Begin with the part of the body that came with the head."""
        self._body, self._is_body_whole = content, is_whole
        self._plane.running += 1
        if self._plane.is_full or self._head.expects_permission:
            self._take_time()
        else:
            self._go()

    def take_body(self, content: bytes, *, is_whole: bool) -> None:
        """Take more of the body."""
        self._is_body_whole = is_whole
        if self._job is not None and not self._is_kept:
            self._job.write(self._frame(content, is_whole=is_whole))
            return
        self._body += content
        if self._task is None:
            self._go()
        elif self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)
        if not is_whole and len(self._body) > _MOST_KEPT_BYTES:
            self._caller.pause_caller()

    def leave(self) -> None:
        """Tell the job that the caller has left."""
        if self._job is not None:
            self._job.abandon()
        if self._task is not None:
            self._task.cancel()
        if self._routed is not None:
            self._plane.metrics.count("pub_job_proxy_context_canceled_errors")
            self._note_end(f"{self._status or '-'} the caller left")
        self._release()

    def pause_answer(self) -> None:
        """Read no more of the answer, because the caller does not."""
        if self._job is not None:
            self._job.pause_reading()

    def resume_answer(self) -> None:
        """Go on after `pause_answer`."""
        if self._job is not None:
            self._job.resume_reading()

    @property
    def is_sent(self) -> bool:
        """Return whether the job has got the whole request: the body goes on as it arrives."""
        return self._is_body_whole

    def take_answer(self, answer: JudgedAnswer, content: bytes, *, is_whole: bool) -> None:
        """Pass the beginning of the answer on, unless another program than the job refused the call."""
        self._stop_timer()
        if answer.is_misdirected:
            self._lose_job(Misdirected(is_unsent=self._is_kept))
            return
        if self._connected is not None and not self._connected.done():
            self._connected.set_result(None)
        self.has_begun_answer = True
        self._status = answer.status
        if self._routed is not None:
            self._routed.counters.note_status(answer.status)
        if answer.size is None and not self._head.is_to_head:
            self._encodes_body = not self._head.is_old
            self._ends_with_connection = self._head.is_old
        start = (answer.start, self.tracing_id.encode(), self._choose_end())
        self._caller.write(b"".join((*start, self._encode(content, is_whole=is_whole))))
        if is_whole:
            self._end()
        elif self._caller.is_full:
            self.pause_answer()

    def take_content(self, content: bytes, *, is_whole: bool) -> None:
        """Pass more of the answer on."""
        if encoded := self._encode(content, is_whole=is_whole):
            self._caller.write(encoded)
        if is_whole:
            self._end()

    def take_interim(self, answer: JudgedAnswer) -> None:
        """Pass an interim answer on; HTTP/1.0 knows none."""
        passed = self._plane.answers.pass_interim(answer)
        if passed and not self._head.is_old:
            self._caller.write(passed)

    def break_off(self, error: UpstreamError) -> None:
        """Try again where that is safe; drop the caller's connection if the answer has begun."""
        self._stop_timer()
        if not self.has_begun_answer:
            self._lose_job(error)
            return
        self._plane.metrics.count("pub_job_proxy_errors")
        self._plane.metrics.count("pub_job_proxy_connection_broken_errors")
        self._note_end(f"{self._status}, the answer broke off, the caller's connection is dropped")
        self._release()
        self._caller.break_answer(ends_with_connection=self._ends_with_connection)

    def pause_sending(self) -> None:
        """Read no more of the body, because the job does not."""
        self._caller.pause_caller()

    def resume_sending(self) -> None:
        """Go on after `pause_sending`."""
        self._caller.resume_caller()

    def _go(self) -> None:
        """Send the call at once if nothing has to be waited for."""
        routed = self._plane.find_routed(self._head)
        if routed is None:
            self._take_time()
            return
        if not self._body and not self._is_body_whole:
            return  # The beginning of the body is on its way: a body that has arrived can be sent again.
        self._plane.metrics.count("pub_lifecycle_cache_retrieved_responses")
        self._note_begin(routed)
        route = routed.route
        address = self._plane.replicas.find_address(route)
        job = None if address is None else self._plane.jobs.find_idle(address, route.secret)
        if address is None or job is None:
            self._take_time(FirstAttempt(address))
        else:
            self._send(job, routed, address)

    def _send(self, job: JobConnection, routed: RoutedHead, address: str) -> None:
        if not self._address:
            routed.counters.started += 1
        pieces = routed.fill(address, self._caller.client_bytes, self.tracing_id.encode())
        pieces.append(self._frame(self._body, is_whole=self._is_body_whole))
        job.send(self, b"".join(pieces), is_head=self._head.is_to_head)
        self._job, self._address = job, address
        if not self._is_body_whole:
            self._body, self._is_kept = b"", False
            if not job.is_full:
                self._caller.resume_caller()
        seconds = self._plane.config.response_timeout_seconds
        if seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._time_out)

    def _frame(self, content: bytes, *, is_whole: bool) -> bytes:
        """Return content of the body as the job gets it."""
        if self._head.size is not None:
            return content
        return encode_chunk(content) + (LAST_CHUNK if is_whole else b"")

    def _encode(self, content: bytes, *, is_whole: bool) -> bytes:
        """Return content of the answer as the caller gets it."""
        if not self._encodes_body:
            return content
        return encode_chunk(content) + (LAST_CHUNK if is_whole else b"")

    def _choose_end(self) -> bytes:
        self._is_last = self._is_last or self._caller.is_stopping
        end = _CHUNKED if self._encodes_body else b""
        return (end + _CLOSE if self._is_last else end) + _END

    def _time_out(self) -> None:
        self._lose_job(ResponseTimedOut())

    def _lose_job(self, error: UpstreamError) -> None:
        """Tell the task that its attempt failed; start one for an attempt that had none."""
        if self._job is not None:
            self._job.abandon()
            self._job = None
        if self._connected is not None and not self._connected.done():
            self._connected.set_exception(error)
        else:
            self._take_time(FirstAttempt(self._address, error))

    def _take_time(self, first: FirstAttempt | None = None) -> None:
        self._task = self._caller.start_task(self._reach_job(first))

    async def _reach_job(self, first: FirstAttempt | None) -> None:
        """Authorize the caller, and try until the answer begins; refuse the call when it does not."""
        try:
            await self._try_to_reach_job(first)
        except CallFailed as failure:
            await self._refuse(failure)
        except Exception:
            self._plane.metrics.count("pub_panic_errors")
            logger.exception(f"{self._head.text} failed", extra={"id": self.tracing_id})
            await self._refuse(broken())

    async def _try_to_reach_job(self, first: FirstAttempt | None) -> None:
        plane, head = self._plane, self._head
        query = RouteQuery(
            head.query.job,
            head.query.token,
            {plane.config.request_tracing_header: self.tracing_id},
        )
        if self._routed is None:
            if plane.is_full:
                raise overloaded()
            route = await plane.connector.authorize(query)
            self._note_begin(plane.calls.route(head, route))
            await self._wait_for_body()
        if self._routed is None:
            return
        is_repeatable = head.is_safe and self._is_body_whole and self._is_kept
        await plane.connector.connect(
            query, self._routed.route, self._open, is_repeatable=is_repeatable, first=first
        )

    async def _wait_for_body(self) -> None:
        """Wait for the beginning of the body; permit the caller to send it."""
        has_arrived = self._is_body_whole or bool(self._body)
        if self.is_waiting_for_permission and not has_arrived:
            self._caller.write(_PERMISSION)
        self.is_waiting_for_permission = False
        if not has_arrived:
            self._arrival = asyncio.get_running_loop().create_future()
            await self._arrival

    async def _open(self, route: Route, address: str) -> None:
        """Make one attempt; raises UpstreamError when the answer does not begin."""
        routed = self._plane.calls.route(self._head, route)
        job = await self._plane.jobs.open(address, route.secret)
        self._routed = routed
        self._connected = asyncio.get_running_loop().create_future()
        try:
            self._send(job, routed, address)
            await self._connected
        finally:
            self._connected = None

    async def _refuse(self, failure: CallFailed) -> None:
        plane = self._plane
        call = plane.calls.read(self._head, self._caller.client_bytes.decode(), self.tracing_id)
        refusal = await plane.refusals.answer(call, failure)
        self.has_begun_answer = True
        if self._routed is not None:
            plane.metrics.note_seconds(self._routed.counters, self._measure())
        self._is_last = self._is_last or self._caller.is_stopping or self.is_waiting_for_permission
        body = b"" if self._head.is_to_head else refusal.body
        self._caller.write(refusal.render_head(plane.answers.date, is_last=self._is_last) + body)
        self._release()
        self._caller.end_call(is_last=self._is_last)

    def _note_begin(self, routed: RoutedHead) -> None:
        if self._routed is None:
            route = routed.route
            routed.counters.requests += 1
            path = self._head.query.job.path
            self._plane.metrics.tally.note(route.name, route.version, route.caller, path)
        self._routed = routed

    def _note_end(self, end: str) -> None:
        if self._routed is None:
            return
        self._plane.metrics.note_seconds(self._routed.counters, self._measure())
        caller = self._routed.route.caller or "-"
        self._plane.log.note(f"{self._head.text} {end} {caller}", self.tracing_id)

    def _measure(self) -> float:
        return time.perf_counter() - self._started_at

    def _end(self) -> None:
        self._note_end(self._status)
        self._release()
        self._caller.end_call(is_last=self._is_last)

    def _release(self) -> None:
        if not self._is_released:
            self._is_released = True
            self._plane.running -= 1
        self._stop_timer()
        self._job = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
