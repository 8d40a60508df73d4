"""Errors that depend on the thread of a call: each is the job's fault, and names the key to set."""

import asyncio
import signal
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from racetrack_job_wrapper.endpoint_config import EndpointConfig

PERFORM = "/api/v1/perform"


class Job:
    """A job whose object holds what belongs to the thread of `__init__`, and whose calls wait for each other."""

    def __init__(self) -> None:
        self.local = threading.local()
        self.local.name = "made in __init__"
        self.database = sqlite3.connect(":memory:")
        self.lock = asyncio.Lock()
        self.meeting = threading.Barrier(2, timeout=10)

    def perform(self, kind):
        self.meeting.wait()
        return {
            "sqlite": lambda: self.database.execute("SELECT 1").fetchone(),
            "local": lambda: self.local.name,
        }[kind]()

    def auxiliary_endpoints(self):
        return {"/signal": self.set_signal, "/loop": self.find_loop}

    def auxiliary_endpoints_v2(self):
        return [EndpointConfig("/native", "GET", self.set_signal)]

    def set_signal(self):
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)

    def find_loop(self):
        asyncio.get_event_loop()

    def metrics(self):
        return [{"name": "rows", "value": self.database.execute("SELECT 1").fetchone()[0]}]


@pytest.mark.parametrize("kind", ["sqlite", "local"])
def test_an_object_of_one_thread_names_the_key_that_lets_all_calls_run_there(serve_job, kind):
    client = serve_job(Job)

    with ThreadPoolExecutor(2) as callers:
        calls = [callers.submit(client.post, PERFORM, json={"kind": kind}) for _ in range(2)]
        answers = sorted((call.result() for call in calls), key=lambda each: each.status_code)

    assert [answer.status_code for answer in answers] == [200, 500]
    assert "`max_concurrency: 1` below jobtype_extra in job.yaml" in answers[1].json()["error"]


@pytest.mark.parametrize("path", ["signal", "native"])
def test_what_only_the_main_thread_may_do_is_no_fault_of_the_caller(serve_job, path):
    client = serve_job(Job)

    answer = client.request("GET" if path == "native" else "POST", f"/api/v1/{path}")

    assert answer.status_code == 500, answer.text
    assert answer.json()["type"] == "ValueError"
    assert "do this in __init__" in answer.json()["error"]


def test_a_plain_method_without_an_event_loop_is_told_how_to_have_one(serve_job):
    answer = serve_job(Job).post("/api/v1/loop")

    assert answer.status_code == 500
    assert "make the method `async def`" in answer.json()["error"]


@pytest.mark.parametrize(
    ("made", "extra", "is_told"),
    [
        ({}, {}, True),
        ({}, {"max_concurrency": 1}, False),
        ({"check_same_thread": False}, {}, False),
    ],
)
def test_a_connection_of_one_thread_is_told_before_calls_meet(
    serve_job, caplog, made, extra, is_told
):
    class Early:
        def __init__(self):
            self.database = sqlite3.connect(":memory:", **made)

        def perform(self):
            return 1

    serve_job(Early, **extra)

    assert ("self.database will fail in calls that run at the same time" in caplog.text) == is_told


def test_the_log_has_the_advice_for_metrics_too(serve_job, caplog):
    answer = serve_job(Job).get("/metrics")

    assert answer.status_code == 200
    assert "what belongs to the thread that made it" in caplog.text


def test_a_job_that_needs_a_loop_while_it_is_loaded_is_told_so(serve_job):
    class Early:
        def __init__(self):
            asyncio.get_running_loop()

    live = serve_job(Early).get("/live")

    assert "make the method `async def`" in live.json()["error"]
