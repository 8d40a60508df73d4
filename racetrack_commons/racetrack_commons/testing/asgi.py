"""Asking an ASGI app without a server, also for streams that never end."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message


async def ask_status(
    app: ASGIApp, method: str, target: str, headers: dict[str, str], body: bytes = b""
) -> int:
    """Return the status that a request is answered with, and hang up; `target` is path and query.

    Method `WS` opens a WebSocket: 101 when it is accepted, 403 when it is refused.
    """
    call = _Call(method, target, headers, body)
    await app(call.scope, call.receive, call.send)
    return call.status


class _Call:
    """One request as ASGI has it; once the status is known, the client is gone."""

    def __init__(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        self._protocol = "websocket" if method == "WS" else "http"
        self._body = body
        self._answered = asyncio.Event()
        self._is_sent = False
        self.status = 0
        url = urlsplit(target)
        headers = headers | {"content-length": str(len(body))}
        self.scope: dict[str, Any] = {
            "type": self._protocol,
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "ws" if method == "WS" else "http",
            "path": url.path,
            "raw_path": url.path.encode(),
            "query_string": url.query.encode(),
            "root_path": "",
            "headers": [(key.lower().encode(), value.encode()) for key, value in headers.items()],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 80),
        }

    async def receive(self) -> Message:
        if self._is_sent:
            await self._answered.wait()
            return {"type": f"{self._protocol}.disconnect", "code": 1000}
        self._is_sent = True
        if self._protocol == "websocket":
            return {"type": "websocket.connect"}
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def send(self, message: Message) -> None:
        statuses = {"websocket.accept": 101, "websocket.close": 403}
        if not self.status:
            self.status = message.get("status") or statuses[message["type"]]
        self._answered.set()
