"""Answers that are sent while they grow: they are calls until their end."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from racetrack_job_wrapper.endpoint_config import EndpointConfig
from starlette.responses import StreamingResponse

ENDPOINTS = ["/perform", "/later", "/item"]


class Streaming:
    """A job whose streams go on when its gate is opened."""

    def __init__(self):
        self.now = self.peak = 0
        self.gate = threading.Event()
        self.fails = False

    def body(self):
        self.now += 1
        self.peak = max(self.peak, self.now)
        try:
            yield "begun\n"
            self.gate.wait(20)
            if self.fails:
                raise RuntimeError("broken in the middle")
            yield "ended\n"
        finally:
            self.now -= 1

    async def async_body(self):
        for line in self.body():
            yield line

    def perform(self):
        return StreamingResponse(self.body())

    async def later(self):
        return StreamingResponse(self.async_body())

    def item(self):
        return StreamingResponse(self.body())

    def auxiliary_endpoints(self):
        return {"/later": self.later}

    def auxiliary_endpoints_v2(self):
        return [EndpointConfig("/item", "POST", self.item)]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_streams_count_towards_the_limit_until_they_end(serve_job, wait_until, endpoint):
    job = Streaming()
    client = serve_job(job, max_concurrency=1)
    started = f'endpoint_requests_started_total{{endpoint="{endpoint}"}} 3.0'
    ended = f'request_duration_count{{endpoint="{endpoint}"}} 3.0'
    with ThreadPoolExecutor(3) as callers:
        calls = [callers.submit(client.post, f"/api/v1{endpoint}") for _ in range(3)]
        wait_until(lambda: job.now == 1)
        wait_until(lambda: started in client.get("/metrics").text)
        metrics = client.get("/metrics").text
        job.gate.set()
        texts = [call.result().text for call in calls]

    assert texts == ["begun\nended\n"] * 3
    assert (job.peak, job.now) == (1, 0)
    assert ended not in metrics
    assert ended in client.get("/metrics").text


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_stream_that_breaks_is_an_error(serve_job, endpoint):
    job = Streaming()
    job.fails = True
    job.gate.set()
    client = serve_job(job, max_concurrency=1)

    with pytest.raises(httpx.RemoteProtocolError):
        client.post(f"/api/v1{endpoint}")

    metrics = client.get("/metrics").text
    assert f'request_internal_errors_total{{endpoint="{endpoint}"}} 1.0' in metrics
    assert "requests_done_total 1.0" in metrics
    job.fails = False
    assert client.post("/api/v1/perform").text == "begun\nended\n"


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_caller_who_leaves_closes_the_stream_and_frees_the_place(serve_job, wait_until, endpoint):
    job = Streaming()
    client = serve_job(job, max_concurrency=1)

    with client.stream("POST", f"/api/v1{endpoint}") as response:
        assert next(response.iter_text()) == "begun\n"
    job.gate.set()

    wait_until(lambda: job.now == 0)
    assert client.post("/api/v1/perform").text == "begun\nended\n"
    wait_until(lambda: "requests_done_total 2.0" in client.get("/metrics").text)


def test_the_first_part_is_sent_before_the_second_is_made(serve_job):
    job = Streaming()
    client = serve_job(job)

    with client.stream("POST", "/api/v1/later") as response:
        lines = response.iter_lines()
        assert next(lines) == "begun"
        job.gate.set()
        assert list(lines) == ["ended"]
