"""The proxy from `/dashboard/api/v1/…` to Lifecycle, for programs: it passes tokens of the header on, and reads no cookie."""

import asyncio
import contextlib
from collections.abc import Iterable

import httpx
import websockets
from fastapi import APIRouter, Request, WebSocket, WebSocketDisconnect
from pydantic import SecretStr
from racetrack_commons.api.guard_first import LARGE_BODY_BYTES
from racetrack_commons.auth.token import AUTH_HEADER, FORWARDING_HEADER
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, Response, StreamingResponse

from dashboard.client.changes import make_websocket_url
from dashboard.web.login import make_forwarding_headers

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""RFC 9110, section 7.6.1: they are about one connection."""
_FORWARDING = frozenset({"x-forwarded-for", FORWARDING_HEADER.lower()})
_OWN = frozenset({"host", "cookie", "referer", "content-length"}) | _FORWARDING
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_AWAY = "Lifecycle does not answer now; try again in a moment"


class LifecycleProxy:
    """Passes requests and WebSockets on to Lifecycle, bit by bit in both directions."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        lifecycle_url: str,
        forwarding_key: SecretStr | None = None,
    ) -> None:
        self._http = http
        self._url = lifecycle_url
        self._key = forwarding_key

    def router(self) -> APIRouter:
        """Return a router with all routes."""
        router = APIRouter(include_in_schema=False, max_body_size=LARGE_BODY_BYTES)
        router.add_api_route(
            "/api/v1/{path:path}", self.forward, methods=_METHODS, response_model=None
        )
        router.add_api_websocket_route("/api/v1/{path:path}", self.tunnel)
        return router

    async def forward(self, request: Request) -> Response:
        """Pass a request on; answer 503 while Lifecycle is away."""
        outgoing = self._http.build_request(
            request.method,
            self._make_url(request),
            headers=[
                *_choose_headers(request),
                *make_forwarding_headers(request, self._key).items(),
            ],
            content=request.stream() if _has_body(request) else None,
            timeout=httpx.Timeout(None, connect=5),
        )
        try:
            answer = await self._http.send(outgoing, stream=True)
        except httpx.RequestError:
            content = {"error": _AWAY, "type": "ServiceUnavailable"}
            return JSONResponse(content, 503, {"Retry-After": "2"})
        response = StreamingResponse(
            answer.aiter_raw(), answer.status_code, background=BackgroundTask(answer.aclose)
        )
        response.raw_headers = [
            (name.lower(), value)
            for name, value in answer.headers.raw
            if name.decode("latin-1").lower() not in _HOP_BY_HOP
        ]
        return response

    async def tunnel(self, socket: WebSocket, path: str) -> None:
        """Pass the messages of a WebSocket on, in both directions."""
        url = make_websocket_url(f"{self._url}/api/v1/{path}")
        query = socket.scope["query_string"].decode("latin-1")
        token = socket.headers.get(AUTH_HEADER)
        headers = {AUTH_HEADER: token} if token else {}
        try:
            async with websockets.connect(
                f"{url}?{query}" if query else url, additional_headers=headers, proxy=None
            ) as upstream:
                await socket.accept()
                await _join(socket, upstream)
        except (OSError, websockets.WebSocketException):
            await socket.close(1013, _AWAY)

    def _make_url(self, request: Request) -> str:
        raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
        path = raw.decode("latin-1").partition("/api/v1/")[2]
        query = request.scope["query_string"].decode("latin-1")
        return f"{self._url}/api/v1/{path}" + (f"?{query}" if query else "")


async def _join(socket: WebSocket, upstream: websockets.ClientConnection) -> None:
    ways = {
        asyncio.create_task(_send_up(socket, upstream)),
        asyncio.create_task(_send_down(socket, upstream)),
    }
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
    with contextlib.suppress(RuntimeError):  # The browser may have closed it already.
        await socket.close()


async def _send_up(socket: WebSocket, upstream: websockets.ClientConnection) -> None:
    with contextlib.suppress(WebSocketDisconnect, websockets.ConnectionClosed):
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            await upstream.send(message.get("text") or message.get("bytes") or b"")


async def _send_down(socket: WebSocket, upstream: websockets.ClientConnection) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        async for message in upstream:
            await (socket.send_text if isinstance(message, str) else socket.send_bytes)(message)  # type: ignore[arg-type]


def _choose_headers(request: Request) -> list[tuple[str, str]]:
    named = _split(request.headers.getlist("connection"))
    kept = [
        (name, value)
        for name, value in request.headers.items()
        if name not in _HOP_BY_HOP | _OWN and name not in named
    ]
    if "content-length" in request.headers:
        kept.append(("content-length", request.headers["content-length"]))
    return kept


def _split(values: Iterable[str]) -> set[str]:
    return {name.strip().lower() for value in values for name in value.split(",")}


def _has_body(request: Request) -> bool:
    return "content-length" in request.headers or "transfer-encoding" in request.headers
