"""The limits of connections, tried with real sockets; the limits of time are small here."""

import socket
import threading
from contextlib import ExitStack, contextmanager

import pytest
from racetrack_commons.api.connections import BoundedConnection, ConnectionLimits
from racetrack_commons.api.server import ServerLimits, create_server
from racetrack_commons.testing.serving import wait_until

QUICK = ConnectionLimits(head_seconds=1, body_seconds=1, unread_seconds=1)
REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


async def echo_size(scope, receive, send):
    """Answer with the size of the body; `/early` does not read it, `/large` answers 64 MiB, `/wait` never."""
    if scope["type"] != "http":
        return
    path, size = scope["path"], 0
    if path != "/early":
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size += len(message["body"])
            if not message["more_body"] and path != "/wait":
                break
    body = b"x" * 2**26 if path == "/large" else str(size).encode()
    length = str(len(body)).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]}
    )
    await send({"type": "http.response.body", "body": body})


@contextmanager
def serving(limits=QUICK):
    server = create_server(echo_size, "127.0.0.1", 0, ServerLimits(1, limits))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def connected(server):
    address = server.servers[0].sockets[0].getsockname()
    with socket.create_connection(address, 10) as connection:
        yield connection


def ask(connection, request=REQUEST):
    """Return the answer to a request; its head and its body may arrive one after the other."""
    connection.sendall(request)
    answer = connection.recv(65536)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    while len(body) < int(length or 0) and (part := connection.recv(65536)):
        answer, body = answer + part, body + part
    return answer


def read_to_the_end(connection):
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def test_a_connection_that_sends_nothing_is_closed():
    with serving() as server, connected(server) as connection:
        assert b"408" in read_to_the_end(connection).partition(b"\r\n")[0]


def test_a_head_that_does_not_end_is_refused():
    with serving() as server, connected(server) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: h")
        answer = read_to_the_end(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer


def test_a_second_head_that_does_not_end_is_refused():
    with serving() as server, connected(server) as connection:
        assert b" 200 " in ask(connection)
        connection.sendall(b"GET / HTTP/1.1\r\n")
        assert read_to_the_end(connection).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("count", [1, 5000])
@pytest.mark.parametrize("end", [b"", b"\r\n"], ids=["unfinished", "complete"])
def test_a_head_beyond_64_kib_is_refused(count, end):
    header = b"X-Filler: " + b"x" * (70_000 // count) + b"\r\n"
    with serving(ConnectionLimits()) as server, connected(server) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n" + header * count + end)
        assert read_to_the_end(connection).startswith(b"HTTP/1.1 431 ")


def test_a_head_of_60_kib_is_served():
    with serving(ConnectionLimits()) as server, connected(server) as connection:
        answer = ask(connection, REQUEST[:-2] + b"X-Filler: " + b"x" * 60_000 + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_large_body_is_no_large_head():
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n"
    with serving(ConnectionLimits()) as server, connected(server) as connection:
        assert ask(connection, head + b"x" * 3_000_000).endswith(b"3000000")
        assert ask(connection, head + b"x" * 3_000_000).endswith(b"3000000")


def test_a_body_that_stands_still_is_refused():
    with serving() as server, connected(server) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nx")
        assert read_to_the_end(connection).startswith(b"HTTP/1.1 408 ")
        wait_until(lambda: not server.server_state.tasks)


def test_a_request_that_takes_long_is_not_late():
    with serving() as server, connected(server) as connection:
        connection.sendall(b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
        connection.settimeout(3.5)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_an_answer_that_is_not_read_is_given_up():
    with serving() as server, connected(server) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n")
        wait_until(lambda: server.server_state.connections)
        wait_until(lambda: not server.server_state.connections)


def test_the_rest_of_a_body_is_read_slowly_after_an_early_answer():
    head = b"POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 8000000\r\n\r\n"
    with serving(ConnectionLimits()) as server, connected(server) as connection:
        assert ask(connection, head + b"x" * 8_000_000).startswith(b"HTTP/1.1 200 ")
        assert ask(connection).startswith(b"HTTP/1.1 200 ")


def test_too_many_idle_connections_cost_the_oldest_ones_only():
    with serving(ConnectionLimits(idle=20)) as server, connected(server) as pooled:
        assert b" 200 " in ask(pooled)
        strangers = [connected(server) for _ in range(60)]
        opened = [one.__enter__() for one in strangers]
        wait_until(lambda: len(server.server_state.connections) <= 21)
        assert b" 200 " in ask(opened[-1])
        assert b" 200 " in ask(pooled)
        assert read_to_the_end(opened[0]) == b""
        for one in strangers:
            one.__exit__(None, None, None)


def test_a_connection_that_has_sent_nothing_has_no_parser():
    with serving(ConnectionLimits()) as server, connected(server) as connection:
        wait_until(lambda: server.server_state.connections)
        assert not any(
            isinstance(one, BoundedConnection) for one in server.server_state.connections
        )
        connection.sendall(REQUEST[:3])
        assert b" 200 " in ask(connection, REQUEST[3:])
        assert all(isinstance(one, BoundedConnection) for one in server.server_state.connections)


def test_connections_that_have_sent_nothing_end_with_the_server():
    with ExitStack() as strangers:
        with serving(ConnectionLimits()) as server:
            opened = [strangers.enter_context(connected(server)) for _ in range(20)]
            wait_until(lambda: len(server.server_state.connections) == 20)
        assert [read_to_the_end(one) for one in opened] == [b""] * 20
        assert not server.server_state.connections


def test_requests_are_limited_and_idle_connections_do_not_count():
    with (
        serving(ConnectionLimits(requests=1)) as server,
        connected(server) as busy,
        connected(server),
        connected(server) as other,
    ):
        assert b" 200 " in ask(other)
        busy.sendall(b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
        wait_until(lambda: server.server_state.tasks)
        answer = ask(other)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1" in answer


def test_bodies_that_hardly_arrive_do_not_take_all_places():
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nx"
    with serving(ConnectionLimits(requests=8)) as server, ExitStack() as strangers:
        for _ in range(8):
            strangers.enter_context(connected(server)).sendall(head)
        wait_until(lambda: len(server.server_state.tasks) == 8)

        def has_room():
            with connected(server) as other:
                ask(other)
            return len(server.server_state.tasks) <= 2

        wait_until(has_room)
        with connected(server) as other:
            assert b" 200 " in ask(other)


def test_requests_that_wait_on_one_connection_are_limited():
    with serving(ConnectionLimits(pipelined=10)) as server, connected(server) as connection:
        connection.sendall(b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\n" + REQUEST * 20)
        assert read_to_the_end(connection).startswith(b"HTTP/1.1 429 ")
