"""Calling other jobs."""

import asyncio

import pytest
from racetrack_job_wrapper.call import async_job_call, call_job, call_job_async
from racetrack_job_wrapper.recordkeeper import remember_predecessor_id


@pytest.fixture
def pub(serve_job, monkeypatch):
    """The headers that the called job has received; PUB's URL is that job's own address."""

    class Adder:
        def perform(self, numbers: list[float]) -> float:
            seen.append(dict(self.request_context.get().headers))
            if not numbers:
                raise ValueError("no numbers")
            return sum(numbers)

    seen: list[dict] = []
    client = serve_job(Adder())
    monkeypatch.setenv("PUB_URL", f"{str(client.base_url).rstrip('/')}/pub")
    monkeypatch.setenv("AUTH_TOKEN", "family-token")
    monkeypatch.setenv("JOB_NAME", "chain")
    return seen


def test_a_job_calls_another_with_its_own_token_and_the_callers_tracing_id(serve_job, pub):
    class Chain:
        def perform(self, numbers: list[float]) -> float:
            remember_predecessor_id(self, "record-1")
            return round(call_job(self, "adder", payload={"numbers": numbers}))

    response = serve_job(Chain()).post(
        "/api/v1/perform",
        json={"numbers": [40, 2.7]},
        headers={"x-request-tracing-id": "trace-7", "x-racetrack-auth": "users-token"},
    )

    assert response.json() == 43
    assert pub[0]["x-racetrack-auth"] == "family-token"
    assert pub[0]["x-request-tracing-id"] == "trace-7"
    assert pub[0]["x-recordkeeper-predecessor-id"] == "record-1"


def test_a_failed_call_names_both_jobs_and_the_answer(pub):
    with pytest.raises(
        RuntimeError, match=r'failed to call job "adder latest" by chain: .*no numbers'
    ):
        call_job(None, "adder", payload={"numbers": []})


@pytest.mark.parametrize("name", ["PUB_URL", "AUTH_TOKEN"])
def test_a_call_outside_the_platform_names_the_missing_variable(pub, monkeypatch, name):
    monkeypatch.delenv(name)

    with pytest.raises(RuntimeError, match=name):
        call_job(None, "adder", payload={})


def test_coroutines_call_jobs_too(pub):
    assert asyncio.run(call_job_async(None, "adder", payload={"numbers": [1, 2]})) == 3


@pytest.mark.parametrize("statuses", [[408, 202, 200], [202, (202, "completed")]])
def test_an_async_call_is_polled_until_it_is_done(serve_job, monkeypatch, statuses):
    class Pub:
        polls = 0

        def webview_app(self, base_url: str) -> object:
            async def app(scope, receive, send):
                status, body = self.answer(scope["path"])
                headers = [(b"content-type", b"application/json")]
                if isinstance(status, tuple):
                    status, task_status = status
                    headers.append((b"x-racetrack-task-status", task_status.encode()))
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": body})

            return app

        def answer(self, path: str) -> tuple[int | tuple[int, str], bytes]:
            if path.endswith("/async/new/job/adder/latest/api/v1/perform"):
                return 201, b'{"task_id": "t1", "status": "ongoing"}'
            assert path.endswith("/async/task/t1/poll")
            self.polls += 1
            return statuses[self.polls - 1], b"42"

    pub = Pub()
    client = serve_job(pub)
    monkeypatch.setenv("PUB_URL", f"{str(client.base_url).rstrip('/')}/api/v1/webview")
    monkeypatch.setenv("AUTH_TOKEN", "family-token")

    assert async_job_call(None, "adder", payload={"numbers": [40, 2]}) == 42
    assert pub.polls == len(statuses)
