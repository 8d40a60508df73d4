"""Running calls: in a pool of threads, at most so many at once, with a queue that is not endless."""

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

POOL_THREADS = 40


class QueueFull(Exception):
    """As many calls wait as may."""


class CallAborted(RuntimeError):
    """The job tried to end the process from inside a call."""


@dataclass(frozen=True)
class CallLimits:
    """How many calls run at once, and how many may wait; None: no limit."""

    concurrency: int | None = None
    queue: int | None = None

    @classmethod
    def of(cls, extra: Any) -> "CallLimits":
        """Read them from the manifest's settings of the job type."""
        return cls(
            _whole_number(extra, "max_concurrency") or None,
            _whole_number(extra, "max_concurrency_queue"),
        )


class CallRunner:
    """Runs the methods of a job."""

    def __init__(self, limits: CallLimits) -> None:
        self.limits = limits
        self.waiting = 0
        self._pool = ThreadPoolExecutor(
            limits.concurrency or POOL_THREADS, thread_name_prefix="call"
        )
        self._places = asyncio.Semaphore(limits.concurrency) if limits.concurrency else None

    async def run(self, function: Callable[..., Any], payload: dict[str, Any]) -> Any:
        """Call a function with the payload's keys as arguments and return what it returns; QueueFull when too many wait."""
        if self._places is None:
            return await self._call(function, payload)
        if (
            self._places.locked()
            and self.limits.queue is not None
            and self.waiting >= self.limits.queue
        ):
            raise QueueFull(
                f"too many requests waiting in a queue. Job is set to process {self.limits.concurrency} requests concurrently"
                f" with a queue of max size {self.limits.queue}"
            )
        self.waiting += 1
        try:
            await self._places.acquire()
        finally:
            self.waiting -= 1
        try:
            return await self._call(function, payload)
        finally:
            self._places.release()

    async def _call(self, function: Callable[..., Any], payload: dict[str, Any]) -> Any:
        if inspect.iscoroutinefunction(function):
            return await function(**payload)
        context = copy_context()
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, context.run, _call_safely, function, payload
        )


def _call_safely(function: Callable[..., Any], payload: dict[str, Any]) -> Any:
    try:
        return function(**payload)
    except StopIteration as error:
        raise RuntimeError(f"StopIteration: {error}") from error
    except (SystemExit, KeyboardInterrupt) as error:
        raise CallAborted(f"the job called for an exit: {error!r}") from error


def _whole_number(extra: Any, key: str) -> int | None:
    value = extra.get(key)
    if value is None:
        return None
    if not str(value).isdigit():
        raise ValueError(f"Expected integer in {key}, but got: {value}")
    return int(value)
