import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from dashboard.client.job_calls import JobCaller, JobNotCalled, JobRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route


async def echo(request: Request) -> Response:
    body = (await request.body()).decode()
    return JSONResponse(
        {
            "method": request.method,
            "path": request.url.path,
            "query": request.url.query,
            "session": request.headers.get("x-racetrack-auth"),
            "type": request.headers.get("content-type"),
            "body": body,
        }
    )


async def send_much(_: Request) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65536

    return StreamingResponse(chunks(), media_type="text/plain")


async def hang(request: Request) -> Response:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()


async def redirect(_: Request) -> Response:
    return RedirectResponse("http://127.0.0.1:1/elsewhere")


@pytest.fixture
def call(serve) -> Iterator:
    routes = [
        Route("/pub/job/adder/1.0.0/much", send_much),
        Route("/pub/job/adder/1.0.0/hang", hang),
        Route("/pub/job/adder/1.0.0/redirect", redirect),
        Route("/{path:path}", echo, methods=["GET", "POST"]),
    ]
    url = serve(Starlette(routes=routes))

    def call(request: JobRequest, timeout_seconds: float = 10):
        async def send():
            async with httpx.AsyncClient(trust_env=False) as http:
                caller = JobCaller(http, f"{url}/pub", "adder", "1.0.0", "the session")
                return await caller.call(request, timeout_seconds)

        return asyncio.run(send())

    return call


def test_a_job_is_called_below_its_address_with_the_session_of_the_visitor(call):
    request = JobRequest("POST", "/api/v1/perform", {"a": "b c"}, "application/json", '{"n": 1}')

    answer = call(request)

    assert answer.status == 200
    assert answer.content_type == "application/json"
    assert answer.read_json() == {
        "method": "POST",
        "path": "/pub/job/adder/1.0.0/api/v1/perform",
        "query": "a=b+c",
        "session": "the session",
        "type": "application/json",
        "body": '{"n": 1}',
    }


def test_of_a_long_answer_the_beginning_is_kept(call):
    answer = call(JobRequest("GET", "/much"))

    assert answer.is_cut
    assert len(answer.body) == 1024 * 1024


def test_redirects_are_shown_and_not_followed(call):
    assert call(JobRequest("GET", "/redirect")).status == 307


def test_a_job_that_does_not_answer_is_not_waited_for_too_long(call):
    with pytest.raises(JobNotCalled, match=r"no answer within 0\.2 s"):
        call(JobRequest("GET", "/hang"), timeout_seconds=0.2)


@pytest.mark.parametrize(
    "path",
    [
        "/../../other/1.0.0/api/v1/perform",
        "/%2e%2e/%2e%2e/other/1.0.0",
        "/%252e%252e/x",
        "/..\\x",
        "api/v1/perform",
        "@other.example/x",
        "/x?y",
        "/x#y",
        "/x\ny",
    ],
)
def test_paths_that_lead_out_of_the_job_are_refused(call, path):
    with pytest.raises(JobNotCalled, match="no path below the job"):
        call(JobRequest("GET", path))


def test_the_session_is_in_no_text_of_a_caller():
    assert "secret" not in repr(JobCaller(httpx.AsyncClient(), "http://x", "a", "1", "secret"))
