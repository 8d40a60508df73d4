"""The first request of a deployment, while Lifecycle goes and comes."""

import socket
import threading

import pytest
from racetrack_client.client.deploy import start_deployment
from racetrack_client.client.session import Environment, Session
from racetrack_client.client_config.client_config import ClientConfig
from racetrack_client.entities import DeployPayload
from racetrack_client.utils.request import RequestError, ResponseError

PAYLOAD = DeployPayload(manifest={"name": "adder"})


@pytest.fixture
def session_with(tmp_path):
    """A session of the remote at that port."""
    return lambda port: Session(
        Environment(tmp_path / "config.yaml", token="the-token"),
        f"http://127.0.0.1:{port}",
        ClientConfig(),
    )


@pytest.fixture
def listener():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        yield server


def answer_next(listener, *answers: bytes) -> list[bytes]:
    """Answer one connection after the other with these bytes; return the list of requests, which grows."""
    requests: list[bytes] = []

    def serve():
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                request = b""
                while b"deployment_id" not in request:
                    request += connection.recv(65536)
                requests.append(request)
                connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return requests


def an_answer(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body


def test_a_deployment_is_sent_until_lifecycle_is_back_always_with_the_same_id(
    session_with, listener
):
    answers = (b"", an_answer("502 Bad Gateway", b"{}"), an_answer("200 OK", b'{"id": "7"}'))
    requests: list[list[bytes]] = []

    def come_back():
        listener.listen()
        requests.append(answer_next(listener, *answers))

    port = listener.getsockname()[1]

    assert start_deployment(session_with(port), PAYLOAD, on_outage=come_back) == "7"

    bodies = [each.rpartition(b'"deployment_id": ')[2] for each in requests[0]]
    assert len(bodies) == 3
    assert len(set(bodies)) == 1


@pytest.mark.parametrize("status", ["507 Insufficient Storage", "409 Conflict", "503 No"])
def test_a_refusal_of_lifecycle_itself_ends_it(session_with, listener, status):
    listener.listen()
    answer_next(listener, an_answer(status, b'{"error": "no"}'))

    with pytest.raises(ResponseError, match="no"):
        start_deployment(session_with(listener.getsockname()[1]), PAYLOAD)


def test_an_unknown_host_is_not_waited_for(session_with):
    session = session_with(1)
    session.remote_name = "http://no-such-host.invalid"

    with pytest.raises(RequestError, match="no-such-host"):
        start_deployment(session, PAYLOAD)
