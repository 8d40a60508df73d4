import json

import pytest
from racetrack_commons.testing.serving import free_port, wait_until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as connect_websocket
from websockets.utils import accept_key

PATH = "/pub/job/adder/latest/socket"


@pytest.fixture
def open_socket(pub, resources):
    """Open a WebSocket at the gateway."""

    def open_socket(path=PATH, token="a.good.z", **options):
        url = f"ws://{pub.base_url.host}:{pub.base_url.port}{path}"
        headers = {"X-Racetrack-Auth": token, **options.pop("headers", {})}
        socket = connect_websocket(url, additional_headers=headers, proxy=None, **options)
        return resources.enter_context(socket)

    return open_socket


def test_messages_pass_both_ways(open_socket, job):
    socket = open_socket()
    for message in ("text", b"bytes", "", "x" * 1_000_000):
        socket.send(message)
        assert socket.recv(10) == message


def test_the_job_learns_the_caller_and_its_exact_version(open_socket, job):
    socket = open_socket(headers={"X-Caller-Name": "User mallory", "Cookie": "theme=dark"})
    socket.send("headers")
    seen = json.loads(socket.recv(10))
    assert (seen["x-caller-name"], seen["cookie"]) == ("User alice", "theme=dark")
    assert seen["x-forwarded-proto"] == "http"
    assert "x-racetrack-auth" not in seen
    assert socket.response.headers["x-request-tracing-id"] == seen["x-request-tracing-id"]


def test_the_job_chooses_the_subprotocol(open_socket, job):
    assert open_socket(subprotocols=["chat", "other"]).subprotocol == "chat"
    assert open_socket().subprotocol is None


def test_a_close_of_the_caller_reaches_the_job(open_socket, job):
    open_socket().close(4000, "enough")
    wait_until(lambda: job.closes == [(4000, "enough")])


def test_a_close_of_the_job_reaches_the_caller(open_socket, job):
    socket = open_socket()
    socket.send("close")
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(10)
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4321, "asked to")


def test_the_job_notices_a_caller_that_leaves_without_a_word(open_socket, job, pub):
    socket = open_socket()
    socket.socket.close()
    wait_until(lambda: [code for code, _ in job.closes] == [1001])
    wait_until(lambda: 'pub_job_proxy_requests_done{job_name="adder"' in pub.get("/metrics").text)
    assert "pub_panic_errors 0.0" in pub.get("/metrics").text


def test_the_caller_notices_a_job_that_dies(open_socket, start_raw_job):
    start_raw_job(shake_hands_and_die)
    with pytest.raises(ConnectionClosed) as closed:
        open_socket().recv(10)
    assert closed.value.rcvd.code == 1011


def test_refusals_have_the_statuses_of_plain_calls(open_socket, job, lifecycle):
    assert refusal(open_socket, token="bad") == (401, "Proxy request error: Unauthenticated")
    status, error = refusal(open_socket, path="/pub/job/adder/latest/refused")
    assert (status, error) == (
        404,
        "Reverse proxy error: the job does not accept a WebSocket here, it answered 404",
    )
    lifecycle.address = f"127.0.0.1:{free_port()}"
    assert refusal(open_socket, path="/pub/job/adder/latest/other")[0] == 502


def refusal(open_socket, **options):
    with pytest.raises(InvalidStatus) as refused:
        open_socket(**options)
    response = refused.value.response
    return response.status_code, json.loads(response.body)["error"]


def shake_hands_and_die(connection):
    head = connection.recv(65536).decode()
    key = next(line for line in head.splitlines() if line.lower().startswith("sec-websocket-key"))
    accept = accept_key(key.partition(":")[2].strip())
    connection.sendall(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    )


def test_a_message_of_the_job_beyond_the_limit_closes_the_connection_with_a_reason(
    start_pub, job, resources
):
    url = start_pub(websocket_max_message_bytes=1000).base_url
    socket = resources.enter_context(
        connect_websocket(
            f"ws://{url.host}:{url.port}{PATH}",
            additional_headers={"X-Racetrack-Auth": "a.good.z"},
            proxy=None,
        )
    )

    socket.send("x" * 1000)
    assert socket.recv(10) == "x" * 1000
    socket.send("x" * 1001)
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(10)
    reason = "a message of the job exceeds the gateway's limit of 1000 bytes"
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1009, reason)
