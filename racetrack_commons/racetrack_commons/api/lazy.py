"""Apps within apps that are loaded when somebody needs them first: few do, and their libraries take memory."""

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

# URLs are made by the inner app's own router, not by that of the app around it.
_ROUTING = ("router", "app_root_path", "endpoint", "path_params")


class LazyApp:
    """An ASGI app, to be mounted, that is made for its first connection."""

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._app: ASGIApp | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        app = self._app or await self._load()
        await app({key: scope[key] for key in scope if key not in _ROUTING}, receive, send)

    async def _load(self) -> ASGIApp:
        async with self._making:
            if self._app is None:
                self._app = await asyncio.to_thread(self._make)
            return self._app
