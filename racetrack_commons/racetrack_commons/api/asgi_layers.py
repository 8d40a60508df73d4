"""ASGI layers of a service: access log and request metrics, the base path, apps that are created when first called."""

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from racetrack_client.log.logs import get_logger
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from racetrack_commons.api.metrics import CommonsMetrics
from racetrack_commons.api.tracing import (
    current_tracing_id,
    get_caller_header_name,
    get_tracing_header_name,
)

logger = get_logger(__name__)
_LONGEST_ID = 128
# The inner app must build URLs with its own router, not with that of the app around it.
_ROUTING = ("router", "app_root_path", "endpoint", "path_params")


@dataclass(frozen=True)
class QuietPaths:
    """The paths whose requests are logged only when they fail."""

    paths: Collection[str]
    prefixes: tuple[str, ...] = ()
    """Each begins the paths of files; 304 is as good as 200 there."""

    def contain(self, path: str, status: int | None) -> bool:
        """Return whether a request of this path with this status is not logged."""
        if status == 200 and path in self.paths:
            return True
        return status in (200, 304) and path.startswith(self.prefixes)


class AccessLogMiddleware:
    """Counts and logs requests, except those of quiet paths."""

    def __init__(
        self, app: ASGIApp, metrics: CommonsMetrics, base_path: str, quiet: QuietPaths
    ) -> None:
        self._app = app
        self._quiet = quiet
        self._metrics = metrics
        self._base_path = base_path
        self._tracing_header = get_tracing_header_name()
        self._caller_header = get_caller_header_name()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI defines it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status: int | None = None

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        token = current_tracing_id.set(_clean(Headers(scope=scope).get(self._tracing_header, "")))
        self._metrics.requests_started.inc()
        started = time.perf_counter()
        try:
            await self._app(scope, receive, watch)
        finally:
            self._metrics.requests_done.inc()
            self._metrics.request_duration.observe(time.perf_counter() - started)
            self._log(scope, status)
            current_tracing_id.reset(token)

    def _log(self, scope: Scope, status: int | None) -> None:
        if self._quiet.contain(scope["path"].removeprefix(self._base_path), status):
            return
        extra = {
            "tracing_id": current_tracing_id.get(),
            "caller_name": _clean(Headers(scope=scope).get(self._caller_header, "")),
        }
        # A caller that hangs up before the answer starts gets none: there is no status to log.
        result = "cancelled" if status is None else status
        logger.info(f"{scope['method']} {_uri(scope)} {result}", extra=extra)


class BasePathMiddleware:
    """Serves every route also under the service's base path, which it matches by whole segments."""

    def __init__(self, app: ASGIApp, base_path: str) -> None:
        self._app = app
        self._base_path = base_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI defines it."""
        path = scope.get("path", "")
        if scope["type"] == "http" and path == self._base_path:
            response = RedirectResponse(f"{self._base_path}/", status_code=307)
            await response(scope, receive, send)
            return
        if path.startswith(f"{self._base_path}/"):
            scope = {**scope, "root_path": scope.get("root_path", "") + self._base_path}
        await self._app(scope, receive, send)


class OpenCors:
    """Lets pages of all origins call the service with tokens, never with cookies; `closed` paths stay unreadable to them."""

    def __init__(self, app: ASGIApp, base_path: str, closed: Collection[str]) -> None:
        self._app = app
        self._open = CORSMiddleware(
            app, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"]
        )
        self._base_path = base_path
        self._closed = tuple(f"{path}/" for path in closed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI defines it."""
        path = f"{scope.get('path', '').removeprefix(self._base_path)}/"
        app = self._app if path.startswith(self._closed) else self._open
        await app(scope, receive, send)


class LazyApp:
    """A mounted ASGI app that is created at its first connection, because few use it and its libraries take memory."""

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._app: ASGIApp | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI defines it."""
        app = self._app or await self._load()
        await app({key: scope[key] for key in scope if key not in _ROUTING}, receive, send)

    async def _load(self) -> ASGIApp:
        async with self._making:
            if self._app is None:
                self._app = await asyncio.to_thread(self._make)
            return self._app


class BoundedApp:
    """A mounted ASGI app that serves a bounded number of connections at once, because strangers may hold them for long."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most
        self._present = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI defines it; one too many gets 503, or no WebSocket."""
        if self._present >= self._most:
            await _refuse_crowd(scope, receive, send)
            return
        self._present += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._present -= 1


async def _refuse_crowd(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1013})
        return
    content = {"error": "too many connections of this kind are open: try again later"}
    await JSONResponse(content, 503, {"Retry-After": "5"})(scope, receive, send)


def _uri(scope: Scope) -> str:
    query = scope.get("query_string", b"").decode("latin-1")
    raw = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    path = raw.partition("?")[0]
    return _clean(f"{path}?{query}" if query else path, 2000)


def _clean(text: str, longest: int = _LONGEST_ID) -> str:
    """Return the text without control characters, so that a caller can't forge lines of the log."""
    return "".join(character for character in text[:longest] if character.isprintable())
