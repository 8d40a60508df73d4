"""The threads of calls: none is ever lost, and a lack of threads breaks nothing."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from racetrack_job_wrapper.workers import ThreadUnavailable, WorkerPool, WorkLost

PERFORM = "/api/v1/perform"


@pytest.fixture
def lacking_threads(monkeypatch):
    """A list: while it holds names, threads of such names do not start, as when memory is short."""
    lacking = []
    start = threading.Thread.start

    def start_or_fail(thread):
        if any(thread.name.startswith(name) for name in lacking):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_or_fail)
    return lacking


def test_a_pool_recovers_from_a_thread_that_did_not_start(lacking_threads):
    pool = WorkerPool("lone", size=1)

    async def call_twice():
        lacking_threads.append("lone")
        with pytest.raises(ThreadUnavailable, match="can't start new thread"):
            await pool.run(str, 1)
        lacking_threads.clear()
        return await asyncio.wait_for(pool.run(str, 2), 10)

    assert asyncio.run(call_twice()) == "2"
    pool.stop()


def test_calls_wait_for_the_threads_there_are(serve_job, lacking_threads, wait_until):
    class Job:
        started = 0
        gate = threading.Event()

        def perform(self):
            Job.started += 1
            self.gate.wait(20)
            return threading.current_thread().name

    client = serve_job(Job)
    lacking_threads.append("call")
    with ThreadPoolExecutor(3) as callers:
        calls = [callers.submit(client.post, PERFORM) for _ in range(3)]
        wait_until(lambda: Job.started == 1)
        Job.gate.set()
        answers = [call.result() for call in calls]

    assert [answer.json() for answer in answers] == ["main"] * 3


def test_without_a_thread_for_async_code_a_call_is_refused_for_now(serve_job, lacking_threads):
    class Job:
        async def perform(self):
            return "done"

    client = serve_job(Job)
    lacking_threads.append("job-loop")
    refused = client.post(PERFORM)
    lacking_threads.clear()

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.json()["type"] == "ThreadUnavailable"
    assert client.post(PERFORM).json() == "done"
    assert 'request_internal_errors_total{endpoint="/perform"} 1.0' in client.get("/metrics").text


def test_metrics_without_a_thread_are_a_json_error(serve_job, lacking_threads):
    client = serve_job(lambda: None)
    lacking_threads.append("metrics")

    refused = client.get("/metrics")
    lacking_threads.clear()

    assert (refused.status_code, refused.json()["type"]) == (503, "ThreadUnavailable")
    assert client.get("/metrics").status_code == 200


@pytest.mark.parametrize("error", [RuntimeError("odd"), SystemExit(3), StopIteration()])
def test_a_worker_survives_whatever_its_function_raises(error):
    pool = WorkerPool("brave", size=1)

    def fail():
        raise error

    async def call_twice():
        with pytest.raises(WorkLost):
            await pool.run(fail)
        return await asyncio.wait_for(pool.run(str, 2), 10)

    assert asyncio.run(call_twice()) == "2"
    pool.stop()
