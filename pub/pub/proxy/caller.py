"""The caller's side of a call: the body of its request, and noticing that it disconnected."""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from starlette.types import Message, Receive

# Most calls end between two looks and need no task that waits for a disconnect; the others are watched.
LOOK_SECONDS = 0.25


class CallerDisconnected(Exception):
    """The caller closed its connection before it had received the whole answer."""


class CallerBody:
    """The body of a call; the chunk that came with the head is kept, the rest can be streamed once."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._first: bytes | None = None
        self._read_whole = asyncio.Event()
        self.is_disconnected = False

    async def open(self, *, is_present: bool) -> None:
        """Read the first chunk of the body, if there is a body."""
        if not is_present:
            self._read_whole.set()
            return
        message = await self._next()
        self._first = message.get("body", b"")

    def content(self) -> bytes | AsyncIterator[bytes] | None:
        """Return the body to send: bytes when it has arrived completely, None when the call has no body."""
        return self._first if self._first is None or self._read_whole.is_set() else self._stream()

    def check_connected(self) -> None:
        """Raise CallerDisconnected if the caller is known to have disconnected."""
        if self.is_disconnected:
            raise CallerDisconnected

    async def wait_for_disconnect(self) -> None:
        """Wait until the caller disconnects."""
        await self._read_whole.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.is_disconnected = True

    async def _stream(self) -> AsyncIterator[bytes]:
        yield self._first or b""
        while not self._read_whole.is_set():
            yield (await self._next()).get("body", b"")

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.is_disconnected = True
            raise CallerDisconnected
        if not message.get("more_body"):
            self._read_whole.set()
        return message


class DisconnectWatcher:
    """Cancels long calls when their callers disconnect: `with watcher.watch(body):` raises CallerDisconnected."""

    def __init__(self) -> None:
        self._young: set[DisconnectWatch] = set()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, body: CallerBody) -> "DisconnectWatch":
        """Return the context manager whose block is cancelled when the caller disconnects."""
        return DisconnectWatch(body, self)

    def add(self, call: "DisconnectWatch") -> None:
        """Register a call; it is watched from the second look on, unless it has ended by then."""
        self._young.add(call)
        if self._timer is None:
            self._wait()

    def remove(self, call: "DisconnectWatch") -> None:
        """Forget a call that has ended."""
        self._young.discard(call)

    def _wait(self) -> None:
        # One timer serves all calls: a timer for each call would cost more than the rest of the watch.
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        for call in list(self._young):
            if call.is_long:
                self._young.discard(call)
                call.begin()
            call.is_long = True
        self._timer = None
        if self._young:
            self._wait()


class DisconnectWatch:
    """The context manager of one call, which waits for the caller's disconnect once the call is long."""

    def __init__(self, body: CallerBody, disconnects: DisconnectWatcher) -> None:
        self._body = body
        self._watcher = disconnects
        self._call: asyncio.Task[object] | None = None
        self._watch: asyncio.Task[None] | None = None
        self.is_long = False
        """True if the call was running already at the last look."""

    def __enter__(self) -> Self:
        """Register the current task as the call to cancel."""
        self._call = asyncio.current_task()
        self._watcher.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop watching; turn a cancellation by this watch into CallerDisconnected."""
        self._watcher.remove(self)
        if self._watch is not None:
            self._watch.cancel()
        if self._body.is_disconnected and kind is asyncio.CancelledError and self._call is not None:
            self._call.uncancel()
            raise CallerDisconnected from error

    def begin(self) -> None:
        """Start the task that waits for the caller's disconnect."""
        self._watch = asyncio.get_running_loop().create_task(self._wait())

    async def _wait(self) -> None:
        await self._body.wait_for_disconnect()
        if self._call is not None:
            self._call.cancel()
