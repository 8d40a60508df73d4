"""Calls of jobs that share a secret with the gateway; the jobs are served by the real job wrapper."""

import socket

import pytest
from pub.testing.jobs import FakeJob
from racetrack_commons.auth.instance_proof import CHALLENGE_HEADER, PROOF_HEADER, SECRET_HEADER
from racetrack_job_wrapper.app import JobApp
from racetrack_job_wrapper.environment import read_environment
from racetrack_job_wrapper.job import JobState, load_job
from racetrack_job_wrapper.request import request_context
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_websocket

URL = "/pub/job/adder/latest/api/v1/perform"
SECRET, OTHER = "of this instance", "of another instance"
STRANGE = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"strange"'


class Keeper:
    """A job that keeps the payloads and the names of the headers."""

    def __init__(self) -> None:
        self.payloads: list[str] = []
        self.headers: list[str] = []

    def perform(self, payload: str = "") -> str:
        self.payloads.append(payload)
        self.headers = list(request_context.get().headers)
        return "kept"


@pytest.fixture
def serve_wrapped(start_job):
    """A function that serves a job whose instance knows a secret, and returns its address."""

    def serve(job: object, secret: str = SECRET) -> str:
        variables = {"JOB_NAME": "adder", "JOB_VERSION": "0.0.2"}
        environment = read_environment(variables | {"RACETRACK_INSTANCE_SECRET": secret}, None)
        state = JobState(environment)
        load_job(state, lambda: job)
        return start_job(JobApp(state))

    return serve


@pytest.fixture
def job(lifecycle, serve_wrapped):
    job = Keeper()
    lifecycle.address, lifecycle.secret = serve_wrapped(job), SECRET
    return job


@pytest.fixture
def heard(lifecycle, start_raw_job) -> list[bytes]:
    """All that a stranger hears at the address where Lifecycle believes the job to be."""
    heard: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        while chunk := connection.recv(65536):
            heard.append(chunk)
            connection.sendall(STRANGE)

    start_raw_job(serve)
    lifecycle.secret = SECRET
    return heard


def test_a_job_that_proves_itself_is_called_and_its_code_sees_no_secret(pub, job):
    headers = {SECRET_HEADER: "claimed", CHALLENGE_HEADER: "claimed", PROOF_HEADER: "claimed"}
    for payload in ("one", "two"):
        answer = pub.post(URL, json={"payload": payload}, headers=headers)
        assert (answer.status_code, answer.json()) == (200, "kept")
    assert job.payloads == ["one", "two"]
    names = {name.lower() for name in (SECRET_HEADER, CHALLENGE_HEADER, PROOF_HEADER)}
    assert names.isdisjoint(job.headers)


def test_a_caller_gets_no_proof_that_it_could_pass_on(pub, job):
    answer = pub.get("/pub/job/adder/latest/live", headers={CHALLENGE_HEADER: "of a stranger"})
    assert answer.status_code == 200
    assert PROOF_HEADER.lower() not in answer.headers


def test_a_stranger_gets_neither_the_body_nor_the_secret_and_answers_nobody(pub, heard, lifecycle):
    answer = pub.post(URL, json={"payload": "for the job only"})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert "another program answers where a target job was" in answer.json()["error"]
    assert heard
    assert all(chunk.startswith(b"GET /live ") for chunk in heard)
    assert SECRET.encode() not in b"".join(heard)
    assert len(lifecycle.asked) > 1, "the gateway asks where the job is by now"


def test_a_call_that_meets_a_stranger_is_sent_to_the_job_with_its_streamed_body(
    pub, connect, start_raw_job, lifecycle, serve_wrapped
):
    job = Keeper()
    moved = serve_wrapped(job)

    def serve(connection: socket.socket) -> None:
        lifecycle.address = moved
        connection.recv(65536)
        connection.sendall(STRANGE)

    start_raw_job(serve)
    lifecycle.secret = SECRET
    connection = connect()
    body = b'{"payload": "in pieces"}'
    head = f"POST {URL} HTTP/1.1\r\nHost: pub\r\nX-Racetrack-Auth: a.good.z\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body[:5])
    connection.sendall(body[5:])
    assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    assert job.payloads == ["in pieces"]


def test_another_instance_is_a_stranger_too(pub, lifecycle, serve_wrapped):
    other = Keeper()
    lifecycle.address, lifecycle.secret = serve_wrapped(other, OTHER), SECRET
    assert pub.post(URL, json={"payload": "x"}).status_code == 503
    assert other.payloads == []


def test_a_stranger_that_passes_the_challenge_on_to_the_job_is_refused(
    pub, job, lifecycle, start_raw_job
):
    host, port = lifecycle.address.split(":")
    heard: list[bytes] = []

    def relay(connection: socket.socket) -> None:
        with socket.create_connection((host, int(port))) as real:
            while chunk := connection.recv(65536):
                heard.append(chunk)
                real.sendall(chunk)
                connection.sendall(real.recv(65536))

    start_raw_job(relay)
    assert pub.post(URL, json={"payload": "for the job only"}).status_code == 503
    assert all(chunk.startswith(b"GET /live ") for chunk in heard)
    assert job.payloads == []


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"no http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Racetrack-Proof: guessed\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Racetrack-Proof: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_a_stranger_that_answers_oddly_gets_nothing_more(pub, lifecycle, start_raw_job, answer):
    heard: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        heard.append(connection.recv(65536))
        connection.sendall(answer)

    start_raw_job(serve)
    lifecycle.secret = SECRET
    assert pub.post(URL, json={"payload": "for the job only"}).status_code in (502, 503)
    assert all(chunk.startswith(b"GET /live ") for chunk in heard)


def test_a_websocket_to_a_stranger_is_not_opened(pub, heard):
    with pytest.raises(InvalidStatus) as refused:
        open_socket(pub)
    assert refused.value.response.status_code == 503
    assert all(chunk.startswith(b"GET /live ") for chunk in heard)


def test_a_job_that_knows_no_secret_is_called_as_ever(pub, lifecycle, start_job):
    fake = FakeJob()
    lifecycle.address = start_job(fake)
    seen = pub.post(URL, json={}).json()["headers"]
    assert SECRET_HEADER.lower() not in seen
    assert fake.calls == 1


def open_socket(pub):
    return connect_websocket(
        f"ws://{pub.base_url.host}:{pub.base_url.port}/pub/job/adder/latest/socket",
        additional_headers={"X-Racetrack-Auth": "a.good.z"},
        proxy=None,
    )
