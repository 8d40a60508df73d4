"""A real server in a thread, for tests that need sockets."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from starlette.types import ASGIApp

from racetrack_commons.api.server import create_server
from racetrack_commons.testing.waiting import wait_until


@contextmanager
def running_servers() -> Iterator[Callable[[ASGIApp], str]]:
    """Give a function that serves an app on a free loopback port and returns its URL; stops all of them at once."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def serve(app: ASGIApp) -> str:
        server = create_server(app, "127.0.0.1", 0)
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
def running_server(app: ASGIApp) -> Iterator[str]:
    """Serve an app on a free loopback port; gives its URL."""
    with running_servers() as serve:
        yield serve(app)


@contextmanager
def api_client(app: ASGIApp, headers: dict[str, str] | None = None) -> Iterator[httpx.Client]:
    """Serve an app and give a client whose paths lead to it; its redirects are not followed."""
    with (
        running_server(app) as url,
        httpx.Client(base_url=url, headers=headers, trust_env=False) as client,
    ):
        yield client
