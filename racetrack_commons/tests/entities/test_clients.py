import asyncio
import json

import pytest
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, StreamingResponse
from racetrack_client.log.errors import ServiceUnavailable
from racetrack_commons.api.app import create_api_app
from racetrack_commons.entities.dto import BuildEventKind, BuildPayload, ChangeEvent, ChangeKind
from racetrack_commons.entities.image_builder_client import BuildFailed, ImageBuilderClient
from racetrack_commons.entities.lifecycle_client import (
    LifecycleClient,
    LifecycleError,
    LifecycleUnreachable,
)
from racetrack_commons.entities.server_sent_events import EventReader, ServerSentEvent
from racetrack_commons.testing.builders import a_job
from racetrack_commons.testing.serving import free_port, running_server

PAYLOAD = BuildPayload(manifest={"name": "adder"}, tag="t", deployment_id="d")
HEARTBEAT = "event: keepalive_heartbeat\n\n"


def frame(kind, data):
    return f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


@pytest.fixture
def builder_at():
    clients = []

    def make(url, token="internal"):
        clients.append(ImageBuilderClient(url, token))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def serve(router):
    app = create_api_app(title="fake")
    app.include_router(router, prefix="/api/v1")
    return running_server(app)


def builder_that_streams(*frames):
    router = APIRouter()

    @router.post("/build/sse")
    def build(request: Request):
        if request.headers.get("x-racetrack-auth") != "internal":
            return JSONResponse({"error": "who are you"}, 401)
        return StreamingResponse(iter(frames), media_type="text/event-stream")

    return serve(router)


def test_events_are_put_together_from_any_pieces():
    log = frame("log", "ä\u2028b")
    stream = f"{HEARTBEAT}{log}: comment\n\ndata: 1\r\ndata: 2\r\n\r\n".encode()

    for size in (1, 3, len(stream)):
        reader = EventReader()
        pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
        assert [event for piece in pieces for event in reader.feed(piece)] == [
            ServerSentEvent("keepalive_heartbeat", ""),
            ServerSentEvent("log", '"ä\u2028b"'),
            ServerSentEvent("", "1\n2"),
        ]


def test_a_build_is_followed_to_its_result(builder_at):
    result = {"result": {"image_names": ["adder"], "logs": "", "error": None, "image_tag": "t"}}
    frames = [frame("phase", "building image (1/1)"), HEARTBEAT, frame("log", "line\u2028one")]

    with builder_that_streams(*frames, frame("warning", "careful"), frame("result", result)) as url:
        events = list(builder_at(url).build(PAYLOAD))

    assert [(event.kind, event.text) for event in events[:-1]] == [
        (BuildEventKind.PHASE, "building image (1/1)"),
        (BuildEventKind.LOG, "line\u2028one"),
        (BuildEventKind.WARNING, "careful"),
    ]
    assert events[-1].result is not None
    assert events[-1].result.image_names == ["adder"]


def test_a_build_that_fails_ends_with_its_error(builder_at):
    with builder_that_streams(frame("result", {"error": "no such branch"})) as url:
        [event] = builder_at(url).build(PAYLOAD)

    assert event.result is not None
    assert event.result.error == "no such branch"


def test_a_stream_without_a_result_may_be_joined_again(builder_at):
    with builder_that_streams(frame("log", "half")) as url, pytest.raises(ServiceUnavailable):
        list(builder_at(url).build(PAYLOAD))


def test_a_refused_build_tells_the_reason(builder_at):
    with builder_that_streams() as url, pytest.raises(BuildFailed, match="who are you"):
        list(builder_at(url, "other").build(PAYLOAD))


def test_a_builder_that_is_not_there_is_unavailable(builder_at):
    client = builder_at(f"http://127.0.0.1:{free_port()}")

    assert not client.is_healthy()
    with pytest.raises(ServiceUnavailable):
        list(client.build(PAYLOAD))


def test_a_builder_that_answers_is_healthy(builder_at):
    with builder_that_streams() as url:
        assert builder_at(url).is_healthy()


@pytest.fixture(scope="module")
def lifecycle_url():
    router = APIRouter()

    @router.get("/auth/can-call-job/{name}/{version}/{path:path}")
    def authorize_call(name: str, version: str, path: str, request: Request):
        token = request.headers.get("x-racetrack-auth")
        if token == "stranger":
            return JSONResponse({"error": "no permission"}, 401)
        if name == "gone":
            return JSONResponse({"error": f"no job {name}", "type": "EntityNotFound"}, 404)
        if name == "odd":
            return JSONResponse({"job": "odd"})
        job = a_job(name, version).model_dump(mode="json")
        return JSONResponse({"job": job, "caller": f"{token} at {path}"})

    @router.get("/events")
    def events():
        frames = [
            frame("hello", {"id": 7}),
            HEARTBEAT,
            frame("change", {"id": 8, "kind": "job", "subject": "adder"}),
            frame("change", {"id": 9, "kind": "of the future"}),
        ]
        return StreamingResponse(iter(frames), media_type="text/event-stream")

    with serve(router) as url:
        yield url


def ask(url, question):
    async def run():
        client = LifecycleClient(url, "internal")
        try:
            return await question(client)
        finally:
            await client.close()

    return asyncio.run(run())


def test_a_caller_who_may_call_gets_the_job(lifecycle_url):
    data = ask(lifecycle_url, lambda c: c.authorize_call("adder", "1.x", "/api/v1/perform", "jane"))

    assert data.job.name == "adder"
    assert data.caller == "jane at api/v1/perform"


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/secret/../live", "secret/../live"),
        ("/../../../../users/status", "../../../../users/status"),
        ("//live", "/live"),
        ("/a%20b", "a b"),
        ("/a%2Fb/c%2fd", "a%2Fb/c%2Fd"),
        ("/a%252Fb", "a%2Fb"),
    ],
)
def test_a_path_is_asked_about_as_it_is_and_escaped_slashes_part_no_segments(
    lifecycle_url, path, asked
):
    data = ask(lifecycle_url, lambda c: c.authorize_call("adder", "1.x", path, "jane"))

    assert data.caller == f"jane at {asked}"


def test_a_path_that_no_url_can_hold_is_refused(lifecycle_url):
    with pytest.raises(LifecycleError) as caught:
        ask(lifecycle_url, lambda c: c.authorize_call("adder", "1.x", "/a" * 70_000, "jane"))

    assert caught.value.status == 400


def test_an_answer_that_is_not_lifecycles_counts_as_none(lifecycle_url):
    with pytest.raises(LifecycleUnreachable):
        ask(lifecycle_url, lambda c: c.authorize_call("odd", "1.x", "/", "jane"))


def test_a_caller_who_may_not_gets_status_and_reason(lifecycle_url):
    with pytest.raises(LifecycleError) as caught:
        ask(lifecycle_url, lambda c: c.authorize_call("adder", "latest", "/", "stranger"))

    assert (caught.value.status, str(caught.value), caught.value.type) == (401, "no permission", "")


def test_a_job_that_is_not_there_is_told_apart_from_lifecycle_that_is_not(lifecycle_url):
    with pytest.raises(LifecycleError) as caught:
        ask(lifecycle_url, lambda c: c.authorize_call("gone", "latest", "/", "jane"))
    with pytest.raises(LifecycleUnreachable):
        ask(
            f"http://127.0.0.1:{free_port()}",
            lambda c: c.authorize_call("gone", "1.x", "/", "jane"),
        )

    assert caught.value.status == 404


def test_changes_arrive_after_a_word_to_forget_and_unknown_ones_mean_forget(lifecycle_url):
    async def read(client):
        return [change async for change in client.changes()]

    changes = ask(lifecycle_url, read)

    assert changes == [None, ChangeEvent(id=8, kind=ChangeKind.JOB, subject="adder"), None]
