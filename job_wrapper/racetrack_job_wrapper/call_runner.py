"""Running calls of a job: in a pool of threads or on the event loop, with limits of running and waiting calls."""

import asyncio
import inspect
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import copy_context
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, NamedTuple

from racetrack_job_wrapper.encoding import to_json
from racetrack_job_wrapper.log.logger import logger
from racetrack_job_wrapper.responses import (
    Response,
    error_response,
    is_asgi_response,
    json_response,
)

POOL_THREADS = 40


class QueueFull(Exception):
    """The queue of waiting calls is full."""


class CallAborted(RuntimeError):
    """The job tried to end the process from inside a call."""


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


class CallRunner:
    """Runs the methods of a job within its limits."""

    def __init__(self, limits: CallLimits) -> None:
        self.limits = limits
        self.waiting = 0
        self._pool = WorkerPool(limits.concurrency or POOL_THREADS)
        self._places = asyncio.Semaphore(limits.concurrency) if limits.concurrency else None

    async def run_call(self, function: Callable[..., Any], payload: dict[str, Any]) -> Response:
        """Call a function with the payload's keys as arguments; return its answer, or raise QueueFull."""
        async with self.place():
            return await self._call_function(function, payload)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a free place and hold it while the block runs; raise QueueFull when the queue is full."""
        places = self._places
        if places is None:
            yield
            return
        if places.locked() and self.limits.queue is not None and self.waiting >= self.limits.queue:
            raise QueueFull(
                f"too many requests waiting in a queue. Job is set to process {self.limits.concurrency} requests concurrently"
                f" with a queue of max size {self.limits.queue}"
            )
        self.waiting += 1
        try:
            await places.acquire()
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            places.release()

    async def _call_function(
        self, function: Callable[..., Any], payload: dict[str, Any]
    ) -> Response:
        if inspect.iscoroutinefunction(function):
            return await _answer_async(function, payload)
        answer: Response = await self._pool.run_in_thread(
            copy_context().run, _answer, function, payload
        )
        return answer


class _Work(NamedTuple):
    answer: "asyncio.Future[Any]"
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


class WorkerPool:
    """A pool of daemon threads for one event loop, which starts a thread when work waits. Functions must not raise."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._threads = 0
        self._unanswered = 0
        self._work: SimpleQueue[_Work] = SimpleQueue()
        self._answers: deque[tuple[asyncio.Future[Any], Any]] = deque()
        self._is_wake_pending = False

    async def run_in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a function in a thread and return its result."""
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        self._unanswered += 1
        if self._unanswered > self._threads < self._size:
            self._threads += 1
            # Daemon threads end with the process, so a call that exceeds the grace period can't keep it alive.
            name = f"call-{self._threads}"
            threading.Thread(
                target=self._work_off_queue, args=(loop,), name=name, daemon=True
            ).start()
        self._work.put(_Work(answer, function, arguments))
        return await answer

    def _work_off_queue(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            work = self._work.get()
            result = work.function(*work.arguments)
            self._answers.append((work.answer, result))
            del work, result  # An idle thread must not keep a payload in memory.
            # One wake-up of the loop hands over all pending answers. Two threads may both request it, which is harmless.
            if not self._is_wake_pending and not loop.is_closed():
                self._is_wake_pending = True
                loop.call_soon_threadsafe(self._hand_over)

    def _hand_over(self) -> None:
        self._is_wake_pending = False
        while self._answers:
            answer, result = self._answers.popleft()
            self._unanswered -= 1
            if not answer.done():
                answer.set_result(result)


def respond_to_error(error: BaseException) -> Response:
    """Log the exception of a call, and make its response."""
    logger.log_failure("call failed", error)
    if isinstance(error, SystemExit | KeyboardInterrupt):
        # An exit inside a call must not end the server, because other calls run in it.
        error = CallAborted(f"the job called for an exit: {error!r}")
    return error_response(error)


def respond_to_full_queue(error: QueueFull) -> Response:
    """Make the response to a call that finds the queue full."""
    return json_response({"detail": str(error)}, 429, {"retry-after": "1"})


def _answer(function: Callable[..., Any], payload: dict[str, Any]) -> Response:
    try:
        return _respond(function(**payload))
    except BaseException as error:  # noqa: BLE001 - whatever a job raises is answered
        return respond_to_error(error)


async def _answer_async(function: Callable[..., Any], payload: dict[str, Any]) -> Response:
    try:
        return _respond(await function(**payload))
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a job raises is answered
        return respond_to_error(error)


def _respond(result: Any) -> Response:
    if is_asgi_response(result):
        return Response(b"", result.status_code, app=result)
    return Response(to_json(result))


def _whole_number(extra: Mapping[str, Any], key: str) -> int | None:
    value = extra.get(key)
    if value is None:
        return None
    if not str(value).isdigit():
        raise ValueError(f"Expected integer in {key}, but got: {value}")
    return int(value)
