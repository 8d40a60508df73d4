import socket
import threading
from contextlib import suppress

import httpx
import pytest
from racetrack_commons.testing.serving import wait_until

URL = "/pub/job/adder/latest/x"
HEAD = "Host: pub\r\nX-Racetrack-Auth: a.good.z\r\n"


def test_an_answer_streams(pub, job):
    with pub.stream("GET", "/pub/job/adder/latest/hold") as answer:
        assert next(answer.iter_raw()) == b"held"


def test_a_body_streams_to_the_job(connect, start_raw_job):
    seen: list[bytes] = []
    start_raw_job(
        lambda connection: [seen.append(data) for data in iter(lambda: connection.recv(65536), b"")]
    )
    connection = connect()
    connection.sendall(f"POST {URL} HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
    for word in (b"first", b"second"):
        connection.sendall(b"%x\r\n%s\r\n" % (len(word), word))
        wait_until(lambda word=word: word in b"".join(seen))
    assert b"0\r\n\r\n" not in b"".join(seen)


def test_a_large_body_passes(pub, job):
    assert pub.post(URL, content=b"x" * 5_000_000).json()["size"] == 5_000_000
    chunks = (b"x" * 65536 for _ in range(80))
    assert pub.post(URL, content=chunks).json()["size"] == 80 * 65536


def test_a_job_that_does_not_read_stops_the_caller_from_sending(connect, start_raw_job):
    is_over = threading.Event()
    start_raw_job(lambda _: is_over.wait(30))
    connection = connect()
    connection.sendall(f"POST {URL} HTTP/1.1\r\n{HEAD}Content-Length: 999999999\r\n\r\n".encode())
    connection.settimeout(0.5)
    sent = 0
    with suppress(TimeoutError):
        while sent < 100_000_000:
            sent += connection.send(b"x" * 1_000_000)
    is_over.set()
    assert sent < 30_000_000


def test_a_caller_that_does_not_read_stops_the_job_from_sending(connect, start_raw_job):
    sent: list[int] = []

    def serve(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")
        connection.settimeout(0.5)
        try:
            while sum(sent) < 500_000_000:
                sent.append(connection.send(b"x" * 1_000_000))
        except TimeoutError:
            sent.append(0)

    start_raw_job(serve)
    connection = connect()
    connection.sendall(f"GET {URL} HTTP/1.1\r\n{HEAD}\r\n".encode())
    wait_until(lambda: 0 in sent)
    assert sum(sent) < 30_000_000


def test_a_caller_that_waits_for_permission_to_send_gets_it_once_it_is_authorized(connect, job):
    connection = connect()
    connection.sendall(
        f"POST {URL} HTTP/1.1\r\n{HEAD}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n".encode()
    )
    assert connection.recv(1024) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(b"12345")
    answer = connection.recv(65536)
    assert b'"size":5' in answer
    assert b'"expect"' not in answer


def test_head_has_headers_only(pub, job):
    answer = pub.head(URL)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 100
    assert pub.get(URL).json()["method"] == "GET"


@pytest.mark.parametrize(
    "head", ["Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "Content-Length: 8\r\n\r\nhalf"]
)
def test_an_answer_that_breaks_off_is_not_passed_on_as_whole(pub, start_raw_job, head):
    start_raw_job(
        lambda connection: (
            connection.recv(65536) and connection.sendall(f"HTTP/1.1 200 OK\r\n{head}".encode())
        )
    )
    with pytest.raises(httpx.RemoteProtocolError):
        pub.get(URL)


@pytest.mark.parametrize("encoding", ["Transfer-Encoding: chunked", "Content-Length: 8"])
def test_a_body_that_breaks_off_is_not_passed_on_as_whole(connect, start_raw_job, encoding, pub):
    seen: list[bytes] = []
    start_raw_job(
        lambda connection: (
            [seen.append(data) for data in iter(lambda: connection.recv(65536), b"")]
            and seen.append(b"END")
        )
    )
    connection = connect()
    half = b"4\r\nhalf\r\n" if "chunked" in encoding else b"half"
    connection.sendall(f"POST {URL} HTTP/1.1\r\n{HEAD}{encoding}\r\n\r\n".encode() + half)
    wait_until(lambda: b"half" in b"".join(seen))
    connection.close()
    wait_until(lambda: seen[-1] == b"END")
    assert b"0\r\n\r\n" not in b"".join(seen)
    assert metric(pub, "pub_job_proxy_context_canceled_errors") == 1
    assert metric(pub, "pub_job_proxy_errors") == 0


def test_the_job_notices_that_the_caller_left(pub, job):
    with pub.stream("GET", "/pub/job/adder/latest/hold") as answer:
        assert next(answer.iter_raw()) == b"held"
    wait_until(lambda: job.left == 1)
    wait_until(lambda: metric(pub, "pub_job_proxy_context_canceled_errors") == 1)


def test_the_job_notices_that_the_caller_left_before_the_answer_began(connect, start_raw_job):
    events: list[str] = []

    def serve(connection):
        connection.recv(65536)
        events.append("called")
        connection.recv(65536)
        events.append("left")

    start_raw_job(serve)
    connection = connect()
    connection.sendall(f"POST {URL} HTTP/1.1\r\n{HEAD}Content-Length: 2\r\n\r\nhi".encode())
    wait_until(lambda: events == ["called"])
    connection.close()
    wait_until(lambda: events == ["called", "left"])


def test_a_caller_that_leaves_late_is_noticed_while_others_call(pub, connect, start_raw_job):
    """All calls share one timer: short ones must not hide a long one."""
    events: list[str] = []

    def serve(connection):
        while head := connection.recv(65536):
            if b"slow" in head:
                events.append("called")
                connection.recv(65536)
                events.append("left")
                return
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    start_raw_job(serve)
    connection = connect()
    connection.sendall(f"GET {URL}?slow HTTP/1.1\r\n{HEAD}\r\n".encode())
    wait_until(lambda: events == ["called"])
    connection.close()
    wait_until(lambda: pub.get(URL).text == "ok" and events == ["called", "left"])


def test_connections_to_the_job_are_used_again(pub, start_raw_job):
    accepted: list[socket.socket] = []

    def serve(connection):
        accepted.append(connection)
        while connection.recv(65536):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    start_raw_job(serve)
    for _ in range(5):
        assert pub.post(URL, json={}).text == "ok"
    assert len(accepted) == 1


def test_an_answer_may_come_before_the_body_was_read(pub, start_raw_job):
    start_raw_job(
        lambda connection: (
            connection.recv(1024)
            and connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        )
    )
    assert pub.post(URL, content=b"x" * 100_000).status_code == 413


def test_statuses_of_the_job_pass(pub, start_raw_job):
    start_raw_job(
        lambda connection: (
            connection.recv(65536)
            and connection.sendall(b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops")
        )
    )
    answer = pub.post(URL, json={})
    assert (answer.status_code, answer.text) == (500, "oops")


def metric(pub, name):
    lines = pub.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.split()[0] == name)
