import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from pub.app import create_app
from pub.config import Config
from pydantic import SecretStr
from racetrack_commons.testing.server import running_server
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

A_JOB = {
    "name": "adder",
    "version": "0.0.2",
    "status": "running",
    "create_time": 1,
    "update_time": 1,
}


class FakeLifecycle:
    """Answers can-call-job and streams changes, over real HTTP."""

    def __init__(self) -> None:
        self.address: str | None = None
        self.asked: list[tuple[str, str]] = []
        self.status = 200
        self.job_status = "running"
        self.replicas: list[str] = []
        self.revoked = False
        self.changes: list[dict[str, Any]] = []
        self.streams = 0
        self.app = Starlette(
            routes=[
                Route(
                    "/lifecycle/api/v1/auth/can-call-job/{name}/{version}/{path:path}",
                    self.can_call,
                ),
                Route("/lifecycle/api/v1/events", self.events),
            ]
        )

    async def can_call(self, request: Request) -> Response:
        token = request.headers.get("x-racetrack-auth", "")
        self.asked.append((request.path_params["path"], token))
        if token != "good" or self.revoked:
            return JSONResponse({"error": "no permission"}, 401)
        if self.status != 200:
            return JSONResponse({"error": "told to fail"}, self.status)
        if request.path_params["name"] != "adder":
            return JSONResponse({"error": "there is no such job"}, 404)
        job = A_JOB | {
            "internal_name": self.address,
            "status": self.job_status,
            "replica_internal_names": self.replicas,
        }
        return JSONResponse({"job": job, "caller": "User alice"})

    async def events(self, request: Request) -> Response:
        async def stream() -> Any:
            self.streams += 1
            sent = len(self.changes)
            yield 'event: hello\ndata: {"id": 0}\n\n'
            while not await request.is_disconnected():
                for change in self.changes[sent:]:
                    sent += 1
                    yield f"event: change\ndata: {json.dumps(change)}\n\n"
                await asyncio.sleep(0.01)

        return StreamingResponse(stream(), media_type="text/event-stream")

    def announce(self, kind: str, subject: str | None = None) -> None:
        self.changes.append({"id": len(self.changes) + 1, "kind": kind, "subject": subject})


class FakeJob:
    """A job's server: echoes what it got, streams, and redirects."""

    def __init__(self, name: str = "one") -> None:
        self.name = name
        self.calls = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.calls += 1
        request = Request(scope, receive)
        await self._answer(request)(scope, receive, send)

    def _answer(self, request: Request) -> Any:
        async def respond(scope: Any, receive: Any, send: Any) -> None:
            path = scope["raw_path"].decode()
            if path.endswith("/redirect"):
                location = f"http://{request.headers['host']}/pub/job/adder/0.0.2/docs"
                response: Response = Response(status_code=307, headers={"location": location})
            elif path.endswith("/stream"):
                response = StreamingResponse(_ticks(), media_type="text/event-stream")
            else:
                body = await request.body()
                content = {
                    "name": self.name,
                    "path": path,
                    "query": scope["query_string"].decode(),
                    "method": scope["method"],
                    "headers": dict(request.headers),
                    "size": len(body),
                }
                response = JSONResponse(content, headers={"x-of-job": "yes"})
            await response(scope, receive, send)

        return respond


async def _ticks() -> Any:
    for number in range(3):
        yield f"data: {number}\n\n"
        await asyncio.sleep(0.01)


@pytest.fixture
def servers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def lifecycle(servers: ExitStack) -> FakeLifecycle:
    fake = FakeLifecycle()
    fake.url = servers.enter_context(running_server(fake.app))  # type: ignore[attr-defined]
    return fake


@pytest.fixture
def start_job(servers: ExitStack) -> Callable[[FakeJob], str]:
    def start(job: FakeJob) -> str:
        return servers.enter_context(running_server(job)).removeprefix("http://")

    return start


@pytest.fixture
def make_job() -> type[FakeJob]:
    return FakeJob


@pytest.fixture
def pub(servers: ExitStack, lifecycle: FakeLifecycle) -> httpx.Client:
    """A client of a running gateway, logged in."""
    config = Config(
        lifecycle_url=f"{lifecycle.url}/lifecycle",  # type: ignore[attr-defined]
        lifecycle_auth_token=SecretStr("internal"),
        development_mode=True,
    )
    url = servers.enter_context(running_server(create_app(config)))
    headers = {"X-Racetrack-Auth": "good"}
    return servers.enter_context(
        httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=20)
    )
