"""The caller's side of a call: its body, and whether it is still there."""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from starlette.types import Message, Receive

# Calls that are there at two looks are watched: most end sooner, and need no task that waits for the caller's leaving.
LOOK_SECONDS = 0.25


class CallerLeft(Exception):
    """The caller closed its connection before it had the whole answer."""


class CallerBody:
    """The body of a call. What came with the head is kept, the rest streams once."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._first: bytes | None = None
        self._read_whole = asyncio.Event()
        self.has_caller_left = False

    async def open(self, *, is_present: bool) -> None:
        """Take what is there already."""
        if not is_present:
            self._read_whole.set()
            return
        message = await self._next()
        self._first = message.get("body", b"")

    def content(self) -> bytes | AsyncIterator[bytes] | None:
        """Return the body to send: bytes when all of it is there, and None when the call has none."""
        return self._first if self._first is None or self._read_whole.is_set() else self._stream()

    def check_caller_is_there(self) -> None:
        """Raise CallerLeft once the caller is known to have left."""
        if self.has_caller_left:
            raise CallerLeft

    async def wait_for_departure(self) -> None:
        """Return when the caller leaves."""
        await self._read_whole.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.has_caller_left = True

    async def _stream(self) -> AsyncIterator[bytes]:
        yield self._first or b""
        while not self._read_whole.is_set():
            yield (await self._next()).get("body", b"")

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.has_caller_left = True
            raise CallerLeft
        if not message.get("more_body"):
            self._read_whole.set()
        return message


class Departures:
    """Ends long calls when their callers leave: `with departures.watch(body):` raises CallerLeft."""

    def __init__(self) -> None:
        self._young: set[DepartureWatch] = set()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, body: CallerBody) -> "DepartureWatch":
        """Make the watch of one call, whose block the departure ends."""
        return DepartureWatch(body, self)

    def add(self, call: "DepartureWatch") -> None:
        """Begin to watch a call in a while, unless it is over by then."""
        self._young.add(call)
        if self._timer is None:
            self._wait()

    def remove(self, call: "DepartureWatch") -> None:
        """Forget a call that is over."""
        self._young.discard(call)

    def _wait(self) -> None:
        # One timer for all calls: one for each would cost more than the rest of the watch.
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


class DepartureWatch:
    """The watch of one call."""

    def __init__(self, body: CallerBody, departures: Departures) -> None:
        self._body = body
        self._departures = departures
        self._call: asyncio.Task[object] | None = None
        self._watch: asyncio.Task[None] | None = None
        self.is_long = False
        """Whether the call was there already at the last look."""

    def __enter__(self) -> Self:
        """Begin to watch, in a while."""
        self._call = asyncio.current_task()
        self._departures.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop watching."""
        self._departures.remove(self)
        if self._watch is not None:
            self._watch.cancel()
        if self._body.has_caller_left and kind is asyncio.CancelledError and self._call is not None:
            self._call.uncancel()
            raise CallerLeft from error

    def begin(self) -> None:
        """Watch from now on."""
        self._watch = asyncio.get_running_loop().create_task(self._wait())

    async def _wait(self) -> None:
        await self._body.wait_for_departure()
        if self._call is not None:
            self._call.cancel()
