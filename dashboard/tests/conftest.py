import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from racetrack_commons.testing.serving import running_servers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp
from starlette.websockets import WebSocket


@dataclass
class Upstream:
    """A server in Lifecycle's place, which keeps what it was sent."""

    url: str = ""
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    answer: Response = field(default_factory=lambda: JSONResponse({"done": True}))
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> ASGIApp:
        app = FastAPI()

        async def stream() -> AsyncIterator[bytes]:
            yield b"first"
            await self.release.wait()
            yield b"second"

        @app.get("/lifecycle/api/v1/stream")
        async def follow() -> Response:
            return StreamingResponse(stream(), headers={"X-Own": "1", "Keep-Alive": "timeout=9"})

        @app.post("/lifecycle/api/v1/release")
        async def let_go() -> None:
            self.release.set()

        @app.websocket("/lifecycle/api/v1/echo")
        async def echo(socket: WebSocket) -> None:
            await socket.accept()
            token = socket.headers.get("x-racetrack-auth", "")
            await socket.send_text(f"{token} {socket.url.query}")
            await socket.send_bytes(await socket.receive_bytes())
            await socket.close()

        @app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "DELETE"])
        async def record(request: Request) -> Response:
            raw = request.scope["raw_path"].decode()
            query = f"?{request.url.query}" if request.url.query else ""
            headers, body = dict(request.headers), await request.body()
            self.requests.append((request.method, f"{raw}{query}", headers, body))
            return self.answer

        return app


@pytest.fixture
def serve() -> Iterator[Callable[[ASGIApp], str]]:
    """A function that serves an app until the end of the test and returns its URL."""
    with running_servers() as serve:
        yield serve


@pytest.fixture
def upstream(serve) -> Upstream:
    upstream = Upstream()
    upstream.url = f"{serve(upstream.app())}/lifecycle"
    return upstream


@pytest.fixture
def open_routes(serve) -> Iterator[Callable[..., httpx.Client]]:
    """A function that serves the routes that `make` makes with an HTTP client, and returns a client of them."""
    clients: list[httpx.Client] = []

    def open_routes(make: Callable[[httpx.AsyncClient], APIRouter]) -> httpx.Client:
        upstream_client = httpx.AsyncClient(trust_env=False)

        @asynccontextmanager
        async def close(_: FastAPI) -> AsyncIterator[None]:
            yield
            await upstream_client.aclose()

        app = FastAPI(lifespan=close)
        app.include_router(make(upstream_client), prefix="/dashboard")
        clients.append(httpx.Client(base_url=serve(app), trust_env=False))
        return clients[-1]

    yield open_routes
    for client in clients:
        client.close()
