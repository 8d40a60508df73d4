"""Calls in threads and on the event loop, their limits, and the queue of waiting calls."""

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

PERFORM = "/api/v1/perform"


class Slow:
    """A job whose calls run until its gate is opened."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.running = 0

    def perform(self) -> None:
        self.running += 1
        self.gate.wait(20)


def test_coroutines_are_awaited(serve_job):
    class Job:
        async def perform(self, x: int) -> int:
            await asyncio.sleep(0)
            return x + 1

    assert serve_job(Job()).post(PERFORM, json={"x": 1}).json() == 2


def test_probes_and_metrics_answer_while_every_thread_is_busy(serve_job, wait_until):
    slow = Slow()
    client = serve_job(slow, max_concurrency=2)
    with ThreadPoolExecutor(4) as callers:
        calls = [callers.submit(client.post, PERFORM) for _ in range(4)]
        wait_until(lambda: slow.running == 2)
        try:
            assert client.get("/live").status_code == 200
            assert b"requests_started_total" in client.get("/pub/job/a/b/metrics").content
        finally:
            slow.gate.set()
        assert [call.result().status_code for call in calls] == [200] * 4


def test_calls_beyond_the_queue_are_refused_for_now(serve_job, wait_until):
    slow = Slow()
    client = serve_job(slow, max_concurrency=1, max_concurrency_queue=0)
    with ThreadPoolExecutor(1) as callers:
        call = callers.submit(client.post, PERFORM)
        wait_until(lambda: slow.running == 1)
        refused = client.post(PERFORM)
        slow.gate.set()
        assert call.result().status_code == 200

    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert "concurrently with a queue of max size 0" in refused.json()["detail"]
    assert client.post(PERFORM).status_code == 200


def test_a_wrong_cap_keeps_the_job_from_loading(serve_job):
    error = serve_job(lambda: None, max_concurrency="many").get("/live").json()["error"]

    assert error.startswith("Expected integer in max_concurrency, but got: many")


def test_threads_are_started_only_when_calls_wait(serve_job):
    class Job:
        def perform(self) -> str:
            return threading.current_thread().name

    client = serve_job(Job())

    assert {client.post("/api/v1/perform").json() for _ in range(5)} == {"main"}


class WithDatabase:
    """A job whose database belongs to the thread of `__init__`."""

    def __init__(self):
        self.database = sqlite3.connect(":memory:")
        self.database.execute("create table words (text)")
        self.local = threading.local()
        self.local.value = 1

    def perform(self):
        [count] = self.database.execute("select count(*) from words").fetchone()
        return [count, self.local.value]


@pytest.mark.parametrize("limit", [{}, {"max_concurrency": 1}])
def test_calls_see_the_thread_of_init(serve_job, limit):
    client = serve_job(WithDatabase, **limit)
    client.get("/metrics")
    with ThreadPoolExecutor(6 if limit else 1) as callers:
        answers = list(callers.map(lambda _: client.post(PERFORM).json(), range(12)))

    assert answers == [[0, 1]] * 12
