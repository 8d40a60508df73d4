"""Async calls end, whoever is killed meanwhile; their callers repeat starts, list and cancel them."""

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

CODE = """
import os, time
class Job:
    def perform(self, seconds: float = 0, crash_once: str = "", x: int = 1):
        if crash_once and not os.path.exists(crash_once):
            open(crash_once, "w").close()
            os._exit(1)
        time.sleep(seconds)
        return x
"""
BINARY = """
class Job:
    def perform(self):
        return None
    def webview_app(self, base_url):
        def reverse(environ, start_response):
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            start_response("200 OK", [("Content-Type", "application/octet-stream")])
            return [body[::-1]]
        return reverse
"""
NOT_YET = (202, 408, 504)


@pytest.fixture
def start(stack):
    """Start an async call; gives its id."""

    def start(
        path: str, payload: object = None, content: bytes | None = None, **headers: str
    ) -> str:
        answer = httpx.post(
            f"{stack.pub_url}/async/new/job/{path}",
            json=payload,
            content=content,
            headers={"X-Racetrack-Auth": stack.admin_token} | headers,
            timeout=30,
        )
        assert answer.status_code == 201, answer.text
        assert answer.json()["status"] == "ongoing"
        return str(answer.json()["task_id"])

    return start


@pytest.fixture
def finish(stack):
    """Poll as documented clients do, who know nothing of our headers; a gateway that is away is asked again."""

    def finish(task_id: str, seconds: float = 60) -> httpx.Response:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                answer = httpx.get(f"{stack.pub_url}/async/task/{task_id}/poll", timeout=60)
            except httpx.TransportError:
                time.sleep(0.1)
                continue
            if answer.status_code not in NOT_YET:
                return answer
        raise AssertionError(f"the call did not end within {seconds} s\n{stack.log_tails()}")

    return finish


@pytest.fixture
def deploy(stack, job_directory):
    """Deploy a job; gives a function that deploys it again."""

    def deploy(name: str, code: str = CODE) -> Callable[[], object]:
        directory = str(job_directory(name, code))

        def again() -> object:
            return stack.racetrack("deploy", directory, "--build-context", "local", "--force")

        again()
        return again

    return deploy


def test_a_call_is_started_and_polled(start, finish, deploy):
    deploy("async-plain")
    answer = finish(start("async-plain/latest/api/v1/perform", {"x": 42}))

    assert (answer.status_code, answer.json()) == (200, 42)
    assert answer.headers["x-racetrack-task-status"] == "completed"


def test_bytes_come_back_as_they_are(start, finish, deploy):
    deploy("async-binary", BINARY)
    body = bytes(range(256)) * 1000
    answer = finish(start("async-binary/latest/api/v1/webview/reverse", content=body))

    assert answer.content == body[::-1]


@pytest.mark.parametrize("service", ["pub", "lifecycle"])
def test_a_call_outlives_the_kill_of_a_service(stack, start, finish, deploy, service):
    name = f"async-killed-{service}"
    deploy(name)
    task_id = start(f"{name}/latest/api/v1/perform", {"x": 7, "seconds": 4})
    time.sleep(1)  # the moment of the kill, not a wait for a condition
    stack.kill(service)

    assert finish(task_id).json() == 7


def test_a_call_whose_job_dies_is_sent_again(start, finish, deploy):
    deploy("async-crash")
    marker = Path(f"/tmp/async-crash-{uuid.uuid4()}")  # where the job runs, perhaps in a container
    payload = {"x": 7, "crash_once": str(marker)}
    try:
        assert finish(start("async-crash/latest/api/v1/perform", payload)).json() == 7
    finally:
        marker.unlink(missing_ok=True)


def test_a_call_ends_while_its_job_is_deployed_anew(start, finish, deploy):
    deploy_again = deploy("async-redeployed")
    task_id = start("async-redeployed/latest/api/v1/perform", {"x": 7, "seconds": 5})
    deploy_again()

    assert finish(task_id).json() == 7


def test_starts_with_one_key_at_the_same_moment_are_one_call(stack, start, finish, deploy):
    deploy("async-once")
    once = {"Idempotency-Key": str(uuid.uuid4())}

    with ThreadPoolExecutor(8) as pool:
        started = [
            pool.submit(start, "async-once/latest/api/v1/perform", {"x": 7}, **once)
            for _ in range(8)
        ]
        ids = {each.result() for each in started}

    [task_id] = ids
    assert [each["task_id"] for each in own_calls(stack, job="async-once")] == [task_id]
    assert finish(task_id).json() == 7


def test_a_cancelled_call_ends_at_once(stack, start, finish, deploy):
    deploy("async-cancelled")
    task_id = start("async-cancelled/latest/api/v1/perform", {"seconds": 30})
    headers = {"X-Racetrack-Auth": stack.admin_token}
    url = f"{stack.pub_url}/async/task/{task_id}"
    began = time.monotonic()

    assert httpx.delete(url).status_code == 401
    assert httpx.delete(url, headers=headers).json()["status"] == "failed"

    failed = finish(task_id)
    assert failed.json()["error"] == "the call was cancelled by User admin"
    assert time.monotonic() - began < 20
    shown = own_calls(stack, job="async-cancelled", status="failed")
    assert [each["task_id"] for each in shown] == [task_id]


def own_calls(stack, **wanted: str) -> list[dict[str, object]]:
    headers = {"X-Racetrack-Auth": stack.admin_token}
    answer = httpx.get(f"{stack.pub_url}/async/task", params=wanted, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    return list(answer.json())
