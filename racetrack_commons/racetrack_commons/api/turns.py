"""Turns: what strangers cause begins at a pace, so that floods of it leave time to callers who are known."""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from racetrack_commons.api.probes import PROBE_PATHS

_TRY_AGAIN_LATER = 1013
"""The code with which a WebSocket closes."""


class Turns:
    """Gives some turns a second. While more are wanted, addresses take turns, and each waits, which costs nothing.

    So a flood hardly delays a stranger at another address, nor does it keep that one out.
    """

    def __init__(self, per_second: float = 10, at_once: int = 5, most_waiting: int = 500) -> None:
        self.per_second = per_second
        self._at_once = at_once
        """The turns that are given at once, after a time without any."""
        self._most_waiting = most_waiting
        """Those who wait hold places, which others need."""
        self._next_at = -math.inf
        self._queues: dict[str, deque[asyncio.Future[bool]]] = {}
        """Those who wait, by address; the address whose turn is next comes first."""
        self._waiting = 0

    async def wait(self, address: str) -> bool:
        """Wait for a turn; return False if too many wait."""
        loop = asyncio.get_running_loop()
        earliest = max(self._next_at, loop.time() - (self._at_once - 1) / self.per_second)
        if not self._waiting and earliest <= loop.time():
            self._next_at = earliest + 1 / self.per_second
            return True
        if self._waiting >= self._most_waiting and not self._make_room(address):
            return False
        turn = loop.create_future()
        self._queues.setdefault(address, deque()).append(turn)
        self._waiting += 1
        if self._waiting == 1:
            loop.call_at(earliest, self._give_turn, loop)
        return bool(await turn)

    def _make_room(self, address: str) -> bool:
        """Send away one of an address at which more wait; return False if there is none."""
        longest = max(self._queues.values(), key=len, default=deque())
        if len(longest) <= len(self._queues.get(address, ())) + 1:
            return False
        self._waiting -= 1
        turn = longest.pop()
        if not turn.done():
            turn.set_result(False)
        return True

    def _give_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        address = next(iter(self._queues))
        queue = self._queues.pop(address)
        turn = queue.popleft()
        if queue:
            self._queues[address] = queue
        self._waiting -= 1
        if turn.done():  # The caller has left.
            pause = 0.0
        else:
            turn.set_result(True)
            pause = 1 / self.per_second
        self._next_at = loop.time() + pause
        if self._waiting:
            loop.call_at(self._next_at, self._give_turn, loop)


class StrangersTakeTurns:
    """Lets requests of strangers begin in turns; probes, and callers who have proved who they are, never wait.

    It is the outermost layer: a request that waits has cost next to nothing.
    """

    def __init__(
        self, app: ASGIApp, base_path: str, is_known: Callable[[Headers], bool], turns: Turns
    ) -> None:
        self._app = app
        self._probes = {base + path for base in ("", base_path) for path in PROBE_PATHS}
        self._is_known = is_known
        self._turns = turns

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI defines it."""
        if not self._must_wait(scope) or await self._turns.wait(read_address(scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _REFUSAL(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": _TRY_AGAIN_LATER})

    def _must_wait(self, scope: Scope) -> bool:
        if scope["type"] not in ("http", "websocket") or scope["path"] in self._probes:
            return False
        return not self._is_known(Headers(scope=scope))


def read_address(scope: Scope) -> str:
    """Return the address from which a connection comes, if it has one."""
    client = scope.get("client")
    return client[0] if client else ""


_REFUSAL = JSONResponse(
    {"error": "too many requests without a valid token wait: try again soon"},
    status_code=HTTPStatus.TOO_MANY_REQUESTS,
    headers={"Retry-After": "10"},
)
