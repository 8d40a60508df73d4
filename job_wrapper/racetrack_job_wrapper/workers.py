"""Threads that run the plain methods of a job, so that these never block an event loop."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, NamedTuple

from racetrack_job_wrapper.log.logger import logger

MOST_THREADS = 40
Loop = asyncio.AbstractEventLoop


class ThreadUnavailable(RuntimeError):
    """The system starts no further thread at the moment, for lack of memory or by a limit."""


class WorkLost(RuntimeError):
    """A worker could not finish a function; its thread goes on with the next one."""


class WorkerPool:
    """Runs functions for event loops. A thread starts when work waits and no thread is free, up to `size` of them."""

    def __init__(
        self, name: str = "call", *, size: int = MOST_THREADS, joined: bool = False
    ) -> None:
        self.size = size
        self._name = name
        # With `joined`, the first worker is the thread that calls `work_here`, so it counts from the start on.
        self._threads = 1 if joined else 0
        self._unfinished = 0
        self._lock = threading.Lock()
        self._work: SimpleQueue[_Work | None] = SimpleQueue()
        self._mailboxes: dict[Loop, _Mailbox] = {}

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a function in a thread and return its result; raise WorkLost when it raises, and ThreadUnavailable."""
        loop = asyncio.get_running_loop()
        mailbox = self._mailboxes.get(loop) or self._mailboxes.setdefault(loop, _Mailbox(loop))
        with self._lock:
            self._unfinished += 1
            is_short = self._unfinished > self._threads < self.size
        if is_short:
            self._start_thread()
        answer = loop.create_future()
        self._work.put(_Work(answer, mailbox, function, arguments))
        return await answer

    def work_here(self) -> None:
        """Run functions in the calling thread until `stop`, whatever is raised in it."""
        while True:
            try:
                self._work_off_queue()
            except BaseException as error:  # noqa: BLE001 - signal handlers of the job may raise here
                logger.warning("a worker goes on after %s", type(error).__name__)
            else:
                return

    def stop(self) -> None:
        """End the threads that are free; the others end after their work."""
        self._work.put(None)

    def _start_thread(self) -> None:
        with self._lock:
            if self._threads >= self.size:
                return
            self._threads += 1
            name = f"{self._name}-{self._threads}"
        try:
            # Daemon threads end with the process, so a call that exceeds the grace period can't keep it alive.
            threading.Thread(target=self.work_here, name=name, daemon=True).start()
        except (RuntimeError, MemoryError) as error:
            self._go_on_without_thread(error)

    def _go_on_without_thread(self, error: Exception) -> None:
        with self._lock:
            self._threads -= 1
            if not self._threads:
                self._unfinished -= 1
                raise ThreadUnavailable(
                    f"no thread can be started for this call: {error}; raise resources.memory_max, or call again"
                ) from error
            working = self._threads
        logger.warning("no further thread can be started, %s work on: %s", working, error)

    def _work_off_queue(self) -> None:
        while (work := self._work.get()) is not None:
            result: Any = WorkLost("the thread of the call was interrupted")
            try:
                result = work.function(*work.arguments)
            except BaseException as error:  # noqa: BLE001 - no worker is ever lost
                result = WorkLost(f"the call raised {type(error).__name__}")
                result.__cause__ = error
            finally:
                with self._lock:
                    self._unfinished -= 1
                work.mailbox.post(work.answer, result)
                del work, result  # An idle thread must not keep a payload in memory.
        self._work.put(None)  # for the next thread


class _Mailbox:
    """Hands results over to an event loop: all that are there with one wake-up."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._results: deque[tuple[asyncio.Future[Any], Any]] = deque()
        self._is_wake_pending = False

    def post(self, answer: "asyncio.Future[Any]", result: Any) -> None:
        self._results.append((answer, result))
        # Two threads may both request the wake-up, which is harmless.
        if not self._is_wake_pending and not self._loop.is_closed():
            self._is_wake_pending = True
            self._loop.call_soon_threadsafe(self._hand_over)

    def _hand_over(self) -> None:
        self._is_wake_pending = False
        while self._results:
            answer, result = self._results.popleft()
            if answer.done():
                continue
            if isinstance(result, WorkLost):
                answer.set_exception(result)
            else:
                answer.set_result(result)


class _Work(NamedTuple):
    answer: "asyncio.Future[Any]"
    mailbox: _Mailbox
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
