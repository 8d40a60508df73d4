"""Async code of a job: it runs on a loop of its own, and all that can be awaited is awaited."""

import asyncio
import functools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from racetrack_job_wrapper.endpoint_config import EndpointConfig

PERFORM = "/api/v1/perform"


def logged(method):
    @functools.wraps(method)
    def inner(*args, **kwargs):
        return method(*args, **kwargs)

    return inner


class Waiting:
    """A job with all that is awaited."""

    async def perform(self):
        await asyncio.sleep(0)
        return "coroutine"

    @logged
    async def wrapped(self):
        return "wrapped"

    async def items(self):
        yield self.request_context.get().header("x-who")
        yield 2

    def awaitable(self):
        return asyncio.sleep(0, "awaitable")

    async def nested(self):
        return asyncio.sleep(0, "nested")

    def auxiliary_endpoints(self):
        return {
            "/wrapped": self.wrapped,
            "/items": self.items,
            "/partial-items": functools.partial(self.items),
            "/awaitable": self.awaitable,
            "/nested": self.nested,
        }

    def auxiliary_endpoints_v2(self):
        return [EndpointConfig("/item", "GET", self.wrapped)]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("perform", "coroutine"),
        ("wrapped", "wrapped"),
        ("items", ["me", 2]),
        ("partial-items", ["me", 2]),
        ("awaitable", "awaitable"),
        ("nested", "nested"),
    ],
)
def test_whatever_can_be_awaited_is_awaited(serve_job, path, answer):
    client = serve_job(Waiting)

    assert client.post(f"/api/v1/{path}", headers={"x-who": "me"}).json() == answer
    assert client.get("/api/v1/item").json() == "wrapped"


class Blocking:
    """A job whose async code blocks its thread."""

    def __init__(self):
        self.entered = threading.Event()
        self.leave = threading.Event()

    async def perform(self):
        return self.block()

    def block(self):
        self.entered.set()
        self.leave.wait(20)
        return "left"

    async def item(self):
        return self.block()

    def plain(self):
        return "plain"

    def metrics(self):
        return [{"name": "entered", "value": int(self.entered.is_set())}]

    def webview_app(self, base_url):
        async def app(scope, receive, send):
            text = self.block().encode()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": text})

        return app

    def auxiliary_endpoints(self):
        return {"/plain": self.plain}

    def auxiliary_endpoints_v2(self):
        return [EndpointConfig("/item", "GET", self.item)]


@pytest.mark.parametrize(
    ("method", "path"), [("POST", PERFORM), ("GET", "/api/v1/item"), ("GET", "/api/v1/webview/")]
)
def test_async_code_that_blocks_holds_up_neither_probes_nor_plain_calls(serve_job, method, path):
    job = Blocking()
    client = serve_job(job)
    with ThreadPoolExecutor(1) as caller:
        call = caller.submit(client.request, method, path)
        assert job.entered.wait(10)
        try:
            for probe in ("/live", "/ready", "/health", "/metrics"):
                assert client.get(probe, timeout=5).status_code == 200
            assert client.post("/api/v1/plain", timeout=5).json() == "plain"
        finally:
            job.leave.set()
        assert "left" in call.result().text


def test_a_job_that_cancels_its_own_call_gets_an_error(serve_job):
    class Job:
        async def perform(self):
            raise asyncio.CancelledError

    client = serve_job(Job)

    answer = client.post(PERFORM)

    assert (answer.status_code, answer.json()["type"]) == (500, "SelfCancelled")


def test_an_exit_in_a_task_of_the_job_does_not_end_its_loop(serve_job):
    class Job:
        async def perform(self):
            async def leave():
                raise SystemExit(3)

            self.task = asyncio.create_task(leave())
            self.task.add_done_callback(asyncio.Task.exception)
            return "begun"

    client = serve_job(Job)

    assert [client.post(PERFORM).json() for _ in range(3)] == ["begun"] * 3


@pytest.mark.parametrize("closes", [False, True])
def test_the_loop_that_a_job_finds_at_its_start_is_the_one_of_its_coroutines(serve_job, closes):
    class Job:
        def __init__(self):
            self.loop = asyncio.get_event_loop()
            self.value = self.loop.run_until_complete(asyncio.sleep(0, "set up"))
            if closes:
                self.loop.close()

        def perform(self):
            return self.value

        async def same(self):
            return asyncio.get_running_loop() is self.loop

        def auxiliary_endpoints(self):
            return {"/same": self.same}

    client = serve_job(Job)

    assert client.post(PERFORM).json() == "set up"
    assert client.post("/api/v1/same").json() is not closes


def test_a_plain_method_may_run_the_loop_of_its_job(serve_job):
    class Job:
        def __init__(self):
            self.loop = asyncio.get_event_loop()

        def perform(self):
            return self.loop.run_until_complete(asyncio.sleep(0, "waited"))

    client = serve_job(Job)

    assert [client.post(PERFORM).json() for _ in range(2)] == ["waited"] * 2


def test_a_task_that_is_begun_in_init_goes_on(serve_job):
    class Job:
        def __init__(self):
            self.done = threading.Event()
            self.task = asyncio.get_event_loop().create_task(self.refresh())

        async def refresh(self):
            await asyncio.sleep(0)
            self.done.set()

        def perform(self):
            return self.done.wait(10)

    assert serve_job(Job).post(PERFORM).json() is True
