"""The event loop of a job's own async code, apart from the server's, which code of the job can't block."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from racetrack_job_wrapper.asgi import AsgiApp, Message, Receive, Scope, Send
from racetrack_job_wrapper.log.logger import logger
from racetrack_job_wrapper.workers import Loop, ThreadUnavailable

RETRY_SECONDS = 0.05


class SelfCancelled(RuntimeError):
    """Async code of the job cancelled the task in which it ran."""


class JobLoop:
    """An event loop that runs in a thread of its own from its first use on."""

    def __init__(self) -> None:
        self._loop: Loop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = threading.Event()

    @contextmanager
    def adopted(self) -> Iterator[None]:
        """Make it the current loop of the calling thread while the job is loaded; tasks that were begun then go on afterwards."""
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        try:
            yield
        finally:
            # In calls, get_event_loop() has the same answer in each thread: there is none.
            asyncio.set_event_loop(None)
            if not self._loop.is_closed() and asyncio.all_tasks(self._loop):
                self._require_running()

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the loop and return its result; raise its exception, SelfCancelled, or ThreadUnavailable."""
        try:
            loop = self._require_running()
        except ThreadUnavailable:
            work.close()
            raise
        errand = _Errand(work, asyncio.get_running_loop())
        loop.call_soon_threadsafe(errand.begin)
        try:
            return await errand.answer
        except asyncio.CancelledError:
            loop.call_soon_threadsafe(errand.cancel)
            raise

    async def serve(self, app: AsgiApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Run an ASGI app of the job on the loop, for a request of the calling loop; raise what the app raises."""
        bridge = _Bridge(asyncio.get_running_loop(), receive, send)
        await self.run(bridge.serve(app, scope))

    def close(self) -> None:
        """End the loop and its thread."""
        self._closed.set()
        if self._loop is None or self._loop.is_closed():
            return
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    def _require_running(self) -> Loop:
        with self._lock:
            if self._loop is None or self._loop.is_closed():
                # The job may have closed the loop that it found in __init__.
                self._loop, self._thread = asyncio.new_event_loop(), None
            if self._thread is None:
                self._thread = self._start_thread(self._loop)
            return self._loop

    def _start_thread(self, loop: Loop) -> threading.Thread:
        thread = threading.Thread(
            target=self._keep_running, args=(loop,), name="job-loop", daemon=True
        )
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            raise ThreadUnavailable(
                f"no thread can be started for async code: {error}; raise resources.memory_max, or call again"
            ) from error
        return thread

    def _keep_running(self, loop: Loop) -> None:
        asyncio.set_event_loop(loop)
        while not (self._closed.is_set() or loop.is_closed()):
            if loop.is_running():
                # A thread or a plain method of the job runs the loop that it found in __init__.
                self._closed.wait(RETRY_SECONDS)
                continue
            try:
                loop.run_forever()
            except BaseException as error:  # noqa: BLE001 - a task of the job may raise SystemExit
                logger.warning("the event loop of the job goes on after %s", type(error).__name__)


class _Errand:
    """A coroutine that runs on one loop, and is awaited on another, its home."""

    def __init__(self, work: Coroutine[Any, Any, Any], home: Loop) -> None:
        self.answer: asyncio.Future[Any] = home.create_future()
        self._work = work
        self._home = home
        self._task: asyncio.Task[Any] | None = None

    def begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._work)
        self._task.add_done_callback(self._report)

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _report(self, task: "asyncio.Task[Any]") -> None:
        if not self._home.is_closed():
            self._home.call_soon_threadsafe(self._settle, task)

    def _settle(self, task: "asyncio.Task[Any]") -> None:
        if self.answer.done():
            return
        if task.cancelled():
            self.answer.set_exception(SelfCancelled("the job cancelled its own call"))
        elif error := task.exception():
            self.answer.set_exception(error)
        else:
            self.answer.set_result(task.result())


class _Bridge:
    """The `receive` and `send` of a request at its home loop, for an app on the job's loop."""

    def __init__(self, home: Loop, receive: Receive, send: Send) -> None:
        self._home = home
        self._receive = receive
        self._send = send
        self._turn = asyncio.Lock()
        self._held: list[Message] = []
        self._sending: asyncio.Future[None] | None = None

    async def serve(self, app: AsgiApp, scope: Scope) -> None:
        try:
            await app(scope, self._receive_at_home, self._send_at_home)
        except (SystemExit, KeyboardInterrupt) as error:
            # An exit would end the loop, on which other calls run.
            raise RuntimeError(f"the job called for an exit: {error!r}") from error
        finally:
            self._flush()
            await self._wait_until_sent()

    async def _receive_at_home(self) -> Message:
        message: Message = await self._at_home(self._take_message())
        return message

    async def _send_at_home(self, message: Message) -> None:
        self._held.append(message)
        if message.get("more_body") or message["type"].startswith("websocket."):
            self._flush()
            await self._wait_until_sent()
        elif len(self._held) == 1:
            # Start and end of a small answer travel together.
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        messages, self._held = self._held, []
        if messages:
            self._sending = self._at_home(self._send_all(messages))
            self._sending.add_done_callback(_note_failure)

    async def _wait_until_sent(self) -> None:
        if self._sending is not None:
            # An app that is cancelled, because its caller left, stops waiting; the message is sent all the same.
            await asyncio.shield(self._sending)

    def _at_home(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Future[Any]":
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._home))

    async def _take_message(self) -> Message:
        return await self._receive()

    async def _send_all(self, messages: list[Message]) -> None:
        async with self._turn:
            for message in messages:
                await self._send(message)


def _note_failure(sending: "asyncio.Future[None]") -> None:
    # Only the last failure is raised; an earlier one is no news, and must not be reported as forgotten.
    if not sending.cancelled():
        sending.exception()
