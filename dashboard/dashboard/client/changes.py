"""Lifecycle's stream of changes: one connection for all open pages, which are told by kinds."""

import asyncio
import json
from collections.abc import Callable, Collection
from urllib.parse import urlsplit, urlunsplit

import websockets
from racetrack_client.log.logs import get_logger

logger = get_logger(__name__)
EVERYTHING = frozenset({"everything"})
"""Kinds that mean: any of them may have changed, because the stream was away."""
CONNECTION = frozenset({"connection"})
"""Kinds that mean: the connection to Lifecycle was lost, or is there again."""
Listener = Callable[[frozenset[str]], None]
"""A function that is called in the event loop with the kinds of what has changed; it must not block."""
_SILENCE_SECONDS = 40
_RETRY_SECONDS = (0.2, 0.5, 1, 2, 3)


class ChangeStream:
    """Follows the changes for ever, and tells its listeners."""

    def __init__(self, lifecycle_url: str) -> None:
        self._url = make_websocket_url(f"{lifecycle_url}/websocket/changes")
        self._listeners: dict[object, tuple[frozenset[str], Listener]] = {}
        self.is_connected = False
        """True while Lifecycle tells each change at once."""

    def subscribe(self, kinds: Collection[str], listener: Listener) -> Callable[[], None]:
        """Call the listener after each change of one of the kinds; return the function that ends this."""
        key = object()
        self._listeners[key] = (frozenset(kinds), listener)

        def remove() -> None:
            self._listeners.pop(key, None)

        return remove

    async def follow(self) -> None:
        """Follow the stream until cancelled, and connect again whenever it breaks."""
        failures = 0
        while True:
            try:
                async with websockets.connect(self._url, open_timeout=5, proxy=None) as socket:
                    failures = 0
                    self._set_connected(True)
                    while True:
                        async with asyncio.timeout(_SILENCE_SECONDS):
                            self.tell(frozenset(json.loads(await socket.recv())["kinds"]))
            except (
                OSError,
                TimeoutError,
                ValueError,
                KeyError,
                websockets.WebSocketException,
            ) as error:
                if self.is_connected:
                    logger.warning(f"the stream of changes broke: {error}")
            self._set_connected(False)
            await asyncio.sleep(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)])
            failures += 1

    def tell(self, kinds: frozenset[str]) -> None:
        """Call the listeners of these kinds."""
        for wanted, listener in list(self._listeners.values()):
            if kinds & wanted or kinds & EVERYTHING:
                try:
                    listener(kinds)
                except Exception:
                    logger.exception("a page could not be told of a change")

    def _set_connected(self, is_connected: bool) -> None:
        if is_connected == self.is_connected:
            return
        self.is_connected = is_connected
        self.tell(CONNECTION | EVERYTHING if is_connected else CONNECTION)


def make_websocket_url(url: str) -> str:
    """Return the URL of a WebSocket at the same address: ws for http, wss for https."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(scheme="wss" if parts.scheme == "https" else "ws"))
