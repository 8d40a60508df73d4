"""Calls that reach another job at the former address of theirs; the jobs are served by the real job wrapper."""

import json

import pytest
from pub.testing.jobs import FakeJob
from racetrack_job_wrapper.app import JobApp
from racetrack_job_wrapper.environment import read_environment
from racetrack_job_wrapper.job import JobState, load_job
from websockets.sync.client import connect as connect_websocket

URL = "/pub/job/adder/latest/api/v1/perform"


class Namer:
    """A job that answers its name and keeps the payloads."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.payloads: list[str] = []

    def perform(self, payload: str = "") -> str:
        self.payloads.append(payload)
        return self.name


@pytest.fixture
def stranger() -> Namer:
    return Namer("stranger")


@pytest.fixture
def move(lifecycle, start_job):
    """Let a stranger take the address of the job; Lifecycle knows the new address once a call has met the stranger."""

    def move(stranger: Namer, name: str = "other", version: str = "0.0.2") -> Namer:
        job = Namer("job")
        new_address = start_job(wrapped(job, "adder", "0.0.2"))
        app = wrapped(stranger, name, version)

        async def serve(scope, receive, send):
            lifecycle.address = new_address
            await app(scope, receive, send)

        lifecycle.address = start_job(serve)
        return job

    return move


@pytest.mark.parametrize("who", [("other", "0.0.2"), ("adder", "0.0.1")])
def test_a_call_that_meets_another_job_is_sent_to_its_own(pub, move, stranger, who):
    job = move(stranger, *who)
    answer = pub.post(URL, json={"payload": "for the job only"})
    assert (answer.status_code, answer.json()) == (200, "job")
    assert (job.payloads, stranger.payloads) == (["for the job only"], [])


def test_a_call_whose_body_is_gone_is_refused_and_the_next_one_arrives(
    pub, connect, move, stranger
):
    move(stranger)
    connection = connect()
    head = f"POST {URL} HTTP/1.1\r\nHost: pub\r\nX-Racetrack-Auth: a.good.z\r\nContent-Length: 99\r\n\r\n"
    connection.sendall(head.encode() + b'{"payload": ')
    lost = connection.recv(65536)
    assert lost.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1" in lost
    assert b"another program answers where a target job was, try again" in lost
    assert pub.post(URL, json={}).json() == "job"
    assert stranger.payloads == []


def test_a_job_that_is_nowhere_else_is_not_available(pub, lifecycle, start_job, stranger):
    lifecycle.address = start_job(wrapped(stranger, "other", "0.0.2"))
    assert pub.post(URL, json={}).status_code == 503
    assert stranger.payloads == []


def test_a_websocket_that_meets_another_job_is_sent_to_its_own(pub, lifecycle, start_job, stranger):
    app = wrapped(stranger, "other", "0.0.2")
    address = start_job(FakeJob())

    async def serve(scope, receive, send):
        lifecycle.address = address
        await app(scope, receive, send)

    lifecycle.address = start_job(serve)
    with connect_websocket(
        f"ws://{pub.base_url.host}:{pub.base_url.port}/pub/job/adder/latest/socket",
        additional_headers={"X-Racetrack-Auth": "a.good.z"},
        proxy=None,
    ) as socket:
        socket.send("headers")
        assert json.loads(socket.recv(10))["x-racetrack-job"] == "adder 0.0.2"


def test_a_job_may_use_the_status_for_itself(pub, start_raw_job):
    heads: list[bytes] = []

    def serve(connection):
        heads.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 421 Misdirected\r\nContent-Length: 4\r\n\r\nmine")

    start_raw_job(serve)
    answer = pub.post(URL, json={})
    assert (answer.status_code, answer.text, len(heads)) == (421, "mine", 1)


def wrapped(job: Namer, name: str, version: str) -> JobApp:
    state = JobState(read_environment({"JOB_NAME": name, "JOB_VERSION": version}, None))
    load_job(state, lambda: job)
    return JobApp(state)
