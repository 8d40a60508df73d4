"""Serving apps to tests: real servers in threads, single ASGI requests, and waiting for conditions."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvicorn
from starlette.types import ASGIApp, Message

from racetrack_commons.api.server import ServerLimits, create_server


def wait_until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Poll until the condition is true; raises AssertionError when it stays false for the given seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not come true within {seconds} s")
        time.sleep(0.02)


def free_port() -> int:
    """Return a free loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_servers() -> Iterator[Callable[..., str]]:
    """Give a function that serves an app, within limits if there are some, and returns its URL; stop all servers at the end."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def serve(app: ASGIApp, limits: ServerLimits | None = None) -> str:
        server = create_server(app, "127.0.0.1", 0, limits)
        thread = threading.Thread(target=server.run, name="test-server", daemon=True)
        thread.start()
        running.append((server, thread))
        wait_until(lambda: server.started, 10)
        port = server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    try:
        yield serve
    finally:
        for server, _ in running:
            server.should_exit = True
        for _, thread in running:
            thread.join(10)


@contextmanager
def running_server(app: ASGIApp, limits: ServerLimits | None = None) -> Iterator[str]:
    """Serve an app on a free loopback port within the block; give its URL."""
    with running_servers() as serve:
        yield serve(app, limits)


@contextmanager
def api_client(app: ASGIApp, headers: dict[str, str] | None = None) -> Iterator[httpx.Client]:
    """Serve an app within the block and give an HTTP client for it, which does not follow redirects."""
    with (
        running_server(app) as url,
        httpx.Client(base_url=url, headers=headers, trust_env=False) as client,
    ):
        yield client


async def ask_status(
    app: ASGIApp, method: str, target: str, headers: dict[str, str], body: bytes = b""
) -> int:
    """Return the status of the answer to a request and hang up, so that endless streams end, too.

    `target` is path and query. Method `WS` opens a WebSocket: 101 means that it was accepted, 403 that it was refused.
    """
    request = _AsgiRequest(method, target, headers, body)
    await app(request.scope, request.receive, request.send)
    return request.status


class _AsgiRequest:
    """One request in the form of ASGI; the client disconnects once the status is known."""

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
