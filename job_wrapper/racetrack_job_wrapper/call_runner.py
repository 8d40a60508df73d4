"""Running calls of a job within its limits: a call keeps its place, and is measured, until its answer is sent."""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from typing import Any

from racetrack_job_wrapper.asgi import (
    AsgiApp,
    Message,
    Receive,
    Scope,
    Send,
    is_last,
    send_response,
)
from racetrack_job_wrapper.calling import Pending, answer_async, answer_plain, respond_to_error
from racetrack_job_wrapper.job_loop import JobLoop
from racetrack_job_wrapper.metrics import JobMetrics
from racetrack_job_wrapper.responses import Response, json_response
from racetrack_job_wrapper.workers import MOST_THREADS, WorkerPool

CALL_KEY = "racetrack.call"
"""The key of the scope under which the app of an endpoint finds its `OpenCall`."""


@dataclass(frozen=True)
class CallLimits:
    """The most calls that run at once, and the most that wait; None means no limit."""

    concurrency: int | None = None
    queue: int | None = None

    @classmethod
    def of(cls, extra: Mapping[str, Any]) -> "CallLimits":
        """Read the limits from the manifest's `jobtype_extra`."""
        return cls(
            _whole_number(extra, "max_concurrency") or None,
            _whole_number(extra, "max_concurrency_queue"),
        )


@dataclass(frozen=True)
class JobThreads:
    """The threads in which code of a job runs: workers for plain methods, and a loop for async code."""

    workers: WorkerPool = field(default_factory=WorkerPool)
    loop: JobLoop = field(default_factory=JobLoop)

    def close(self) -> None:
        """End the threads that are free."""
        self.workers.stop()
        self.loop.close()


class OpenCall:
    """A call that is measured, and holds a place, until it ends."""

    def __init__(
        self, endpoint: str, metrics: JobMetrics, places: asyncio.Semaphore | None
    ) -> None:
        self.has_failed = False
        self.has_returned = False
        """True once the method has returned: a later failure is no fault of the arguments."""
        self._endpoint = endpoint
        self._metrics = metrics
        self._places = places
        self._has_place = False
        self._is_over = False
        self._began = metrics.begin(endpoint)

    async def take_place(self) -> None:
        """Wait for a free place."""
        if self._places is not None:
            await self._places.acquire()
            self._has_place = True

    def end(self, *, failed: bool) -> None:
        """Free the place, and count the end; further ends count for nothing."""
        if self._is_over:
            return
        self._is_over = True
        if self._places is not None and self._has_place:
            self._places.release()
        self._metrics.end(self._endpoint, self._began, failed=failed)


class CallRunner:
    """Runs the methods of a job within its limits."""

    def __init__(self, limits: CallLimits, metrics: JobMetrics, threads: JobThreads) -> None:
        self.limits = limits
        self.threads = threads
        self.waiting = 0
        threads.workers.size = limits.concurrency or MOST_THREADS
        self._metrics = metrics
        self._places = asyncio.Semaphore(limits.concurrency) if limits.concurrency else None

    async def run_call(
        self, endpoint: str, function: Callable[..., Any], payload: dict[str, Any]
    ) -> Response:
        """Call a function with the payload's keys as arguments; return its answer, which may be a stream yet to be sent."""
        call = OpenCall(endpoint, self._metrics, self._places)
        try:
            response = await self._refuse_or_call(call, function, payload)
        except BaseException:
            call.end(failed=False)  # The server is stopping.
            raise
        if response.app is not None:
            return replace(response, app=self._keep_open(call, response.app))
        call.end(failed=response.is_failure)
        return response

    def open_app(self, endpoint: str, app: AsgiApp) -> AsgiApp:
        """Make an app that serves an endpoint on the job's loop, as a call; it finds the call at CALL_KEY of its scope."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            call = OpenCall(endpoint, self._metrics, self._places)
            try:
                refusal = await self._admit(call)
            except BaseException:
                call.end(failed=False)
                raise
            if refusal is not None:
                call.end(failed=True)
                await send_response(refusal, send)
                return
            await self._keep_open(call, app)({**scope, CALL_KEY: call}, receive, send)

        return serve

    async def run_plainly(self, function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        """Run a plain method in a worker for async code of the wrapper; raise what it raises."""
        outcome: _Outcome = await self.threads.workers.run(
            copy_context().run, _attempt, function, arguments
        )
        if outcome.error is not None:
            raise outcome.error
        return await outcome.value if inspect.isawaitable(outcome.value) else outcome.value

    async def _refuse_or_call(
        self, call: OpenCall, function: Callable[..., Any], payload: dict[str, Any]
    ) -> Response:
        refusal = await self._admit(call)
        if refusal is not None:
            return refusal
        try:
            return await self._call_function(function, payload)
        except Exception as error:  # noqa: BLE001 - the job may have cancelled itself, or a thread be lacking
            return respond_to_error(error)

    async def _admit(self, call: OpenCall) -> Response | None:
        """Wait until the call may run; return the refusal when too many wait already."""
        places, queue = self._places, self.limits.queue
        if places is None:
            return None
        if places.locked() and queue is not None and self.waiting >= queue:
            return _refuse_for_now(self.limits)
        self.waiting += 1
        try:
            await call.take_place()
        finally:
            self.waiting -= 1
        return None

    async def _call_function(
        self, function: Callable[..., Any], payload: dict[str, Any]
    ) -> Response:
        if inspect.iscoroutinefunction(function):
            answer = await self.threads.loop.run(answer_async(function, payload))
        else:
            answer = await self.threads.workers.run(
                copy_context().run, answer_plain, function, payload
            )
        if isinstance(answer, Pending):
            answer = await self.threads.loop.run(answer.answer())
        response: Response = answer
        return response

    def _keep_open(self, call: OpenCall, app: AsgiApp) -> AsgiApp:
        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            async def send_to_the_end(message: Message) -> None:
                if is_last(message):
                    call.end(failed=call.has_failed)
                await send(message)

            failed = True
            try:
                await self.threads.loop.serve(app, scope, receive, send_to_the_end)
                failed = call.has_failed
            except asyncio.CancelledError:
                failed = False  # The server is stopping.
                raise
            finally:
                call.end(failed=failed)

        return serve


def _refuse_for_now(limits: CallLimits) -> Response:
    detail = (
        f"too many requests waiting in a queue. Job is set to process {limits.concurrency} requests concurrently"
        f" with a queue of max size {limits.queue}"
    )
    response = json_response({"detail": detail}, 429, {"retry-after": "1"})
    return replace(response, is_failure=True)


@dataclass(frozen=True)
class _Outcome:
    value: Any = None
    error: BaseException | None = None


def _attempt(function: Callable[..., Any], arguments: dict[str, Any]) -> _Outcome:
    try:
        return _Outcome(function(**arguments))
    except BaseException as error:  # noqa: BLE001 - raised again where the outcome is awaited
        return _Outcome(error=error)


def _whole_number(extra: Mapping[str, Any], key: str) -> int | None:
    value = extra.get(key)
    if value is None:
        return None
    if not str(value).isdigit():
        raise ValueError(f"Expected integer in {key}, but got: {value}")
    return int(value)
