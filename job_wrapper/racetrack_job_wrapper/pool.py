"""A pool of threads for calls, which never keeps the process from ending."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, NamedTuple


class _Work(NamedTuple):
    answer: "asyncio.Future[Any]"
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


class WorkerPool:
    """Starts a thread when work waits, up to a limit. Used by one event loop; functions must not raise."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._threads = 0
        self._unanswered = 0
        self._work: SimpleQueue[_Work] = SimpleQueue()
        self._answers: deque[tuple[asyncio.Future[Any], Any]] = deque()
        self._is_wake_pending = False

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a function in a thread and return what it returns."""
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        self._unanswered += 1
        if self._unanswered > self._threads < self._size:
            self._threads += 1
            # Daemons: a call that outlives the grace period ends with the process.
            name = f"call-{self._threads}"
            threading.Thread(target=self._serve, args=(loop,), name=name, daemon=True).start()
        self._work.put(_Work(answer, function, arguments))
        return await answer

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            work = self._work.get()
            result = work.function(*work.arguments)
            self._answers.append((work.answer, result))
            del work, result  # An idle thread holds no payload.
            # One wake-up serves all answers that came meanwhile. Two threads may both ask for it, which is harmless.
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
