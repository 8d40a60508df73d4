"""Requests as the job gets them."""

import pytest
from racetrack_commons.testing.serving import wait_until

PATH = "/pub/job/adder/latest/x"
AUTH = b"Host: pub\r\nX-Racetrack-Auth: a.good.z\r\n"
CLOSE = b"Connection: close\r\n"
GOOD_CHUNKS = {
    "one chunk": b"5\r\nhello\r\n0\r\n\r\n",
    "several chunks": b"1\r\nh\r\n4\r\nello\r\n0\r\n\r\n",
    "zeros before the size": b"0005\r\nhello\r\n000\r\n\r\n",
    "a hexadecimal size": b"5\r\nhello\r\n0\r\n\r\n",
    "an extension": b"5;a=b\r\nhello\r\n0;c\r\n\r\n",
    "an extension in quotes, after a space": b'5 ;a="b c"\r\nhello\r\n0\r\n\r\n',
    "trailers": b"5\r\nhello\r\n0\r\nX-Trailer: a\r\nContent-Length: 9\r\n\r\n",
}
TARGETS = {
    "/pub/job/adder/latest": "/pub/job/adder/0.0.2",
    "/pub/job/adder/latest/": "/pub/job/adder/0.0.2/",
    "/pub/job/adder/latest/a%2Fb?x=1&y=%20;z": "/pub/job/adder/0.0.2/a%2Fb?x=1&y=%20;z",
    "/pub/job/adder/latest/x?": "/pub/job/adder/0.0.2/x",
    "/pub/job/adder/latest/x?a?b": "/pub/job/adder/0.0.2/x?a?b",
    "/pub/job/adder/latest/x?url=http://a/b": "/pub/job/adder/0.0.2/x?url=http://a/b",
    '/pub/job/adder/latest/<a>"b"|{c}': '/pub/job/adder/0.0.2/<a>"b"|{c}',
    "http://other:80/pub/job/adder/latest/x?y": "/pub/job/adder/0.0.2/x?y",
}
DROPPED = [
    "X-Racetrack-Auth: a.good.z",
    "X-Racetrack-Esc-Auth: a.good.z",
    "X-Caller-Name: User mallory",
    "x_caller_name: User mallory",
    "X-Racetrack-Job: other 1.0.0",
    "X-Racetrack-Gateway-Token: t",
    "X-Racetrack-Instance-Secret: s",
    "Keep-Alive: timeout=5",
    "Proxy-Connection: keep-alive",
    "Proxy-Authorization: Basic x",
    "TE: trailers",
    "Trailer: X-A",
    "Upgrade: h2c",
    "Connection: close, X-Of-Hop\r\nX-Of-Hop: 1",
]


@pytest.mark.parametrize("pieces", [1, 2, 7], ids=["at once", "in two parts", "in parts of 7"])
@pytest.mark.parametrize("body", GOOD_CHUNKS.values(), ids=GOOD_CHUNKS)
def test_chunks_pass_without_extensions_and_trailers(gateway, body, pieces):
    request = post(b"Transfer-Encoding: chunked\r\n", body)
    size = {1: len(request), 2: len(request) - 9, 7: 7}[pieces]
    parts = [request[at : at + size] for at in range(0, len(request), size)]
    assert gateway.exchange(*parts).endswith(b"\r\n\r\nok")
    received = gateway.job.received[0]
    assert received.body == b"hello"
    assert received.values("transfer-encoding") == ["chunked"]
    assert received.values("content-length") == received.values("x-trailer") == []


def test_the_length_of_a_body_passes_whatever_connection_names(gateway):
    fields = b"Connection: close, content-length\r\nContent_Length: 2\r\n"
    gateway.exchange(post(fields + b"Content-Length: 5\r\n", b"hello"))
    [received] = gateway.job.received
    assert received.body == b"hello"
    assert received.values("content-length") == ["5"]
    assert received.values("content_length") == []


@pytest.mark.parametrize(("target", "expected"), TARGETS.items())
def test_path_and_query_pass_byte_for_byte(gateway, target, expected):
    gateway.exchange(f"GET {target} HTTP/1.1\r\n".encode() + AUTH + CLOSE + b"\r\n")
    assert gateway.job.received[0].line == f"GET {expected} HTTP/1.1"


def test_the_host_of_an_absolute_target_counts(gateway):
    target = b"http://other:8080/pub/job/adder/latest/x"
    gateway.exchange(b"GET " + target + b" HTTP/1.1\r\n" + AUTH + CLOSE + b"\r\n")
    assert gateway.job.received[0].values("x-forwarded-host") == ["other:8080"]


@pytest.mark.parametrize("header", DROPPED)
def test_headers_of_the_connection_and_claims_are_dropped(gateway, header):
    gateway.exchange(post(header.encode() + b"\r\nContent-Length: 0\r\n", b""))
    received = gateway.job.received[0]
    added = {"X-Caller-Name": ["User alice"], "X-Racetrack-Job": ["adder 0.0.2"]}
    name = header.partition(":")[0]
    assert received.values(name) == added.get(name, [])
    assert received.values("x-of-hop") == []


@pytest.mark.parametrize("value", [b"f\xfcr", "für".encode(), b"a\tb", b'"\\"'])
def test_values_pass_byte_for_byte(gateway, value):
    gateway.exchange(post(b"X-Text: " + value + b"  \r\nContent-Length: 0\r\n", b""))
    assert b"x-text: " + value + b"\r\n" in gateway.job.received[0].head + b"\r\n"


def test_repeated_headers_stay_apart_and_in_order(gateway):
    gateway.exchange(post(b"X-A: 1\r\nX-B: 2\r\nX-A: 3\r\nContent-Length: 0\r\n", b""))
    assert gateway.job.received[0].values("x-a") == ["1", "3"]


def test_the_address_of_the_caller_is_appended(gateway):
    gateway.exchange(post(b"X-Forwarded-For: 1.2.3.4\r\nContent-Length: 0\r\n", b""))
    received = gateway.job.received[0]
    assert received.values("x-forwarded-for") == ["1.2.3.4, 127.0.0.1"]
    assert received.values("x-forwarded-prefix") == ["/pub/job/adder/latest"]
    assert received.values("x-forwarded-proto") == ["http"]
    assert received.values("host") == [gateway.job.address]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "PURGE", "X"])
def test_methods_pass(gateway, method):
    gateway.exchange(f"{method} {PATH} HTTP/1.1\r\n".encode() + AUTH + CLOSE + b"\r\n")
    assert gateway.job.received[0].line.startswith(f"{method} ")


def test_one_empty_line_before_a_request_is_passed_over(gateway):
    assert gateway.exchange(b"\r\n" + post(b"Content-Length: 2\r\n", b"hi")).endswith(b"ok")


def test_a_request_may_arrive_byte_by_byte(gateway):
    request = post(b"Content-Length: 5\r\n", b"hello")
    assert gateway.exchange(*(bytes([byte]) for byte in request)).endswith(b"ok")
    assert gateway.job.received[0].body == b"hello"


def test_the_older_version_is_answered_and_closed(gateway):
    answer = gateway.exchange(f"GET {PATH} HTTP/1.0\r\n".encode() + AUTH + b"\r\n")
    assert answer.endswith(b"\r\n\r\nok")
    assert b"connection: close" in answer


def test_pipelined_requests_are_answered_in_order_and_each_once(gateway):
    def request(number, headers=b""):
        return f"POST {PATH}?{number} HTTP/1.1\r\nContent-Length: 3\r\n".encode() + AUTH + headers

    numbers = range(100, 160)
    parts = [request(number) + b"\r\n%d" % number for number in numbers]
    answer = gateway.exchange(b"".join(parts) + request(160, CLOSE) + b"\r\n160")
    assert answer.count(b"HTTP/1.1 200") == 61
    assert [each.body for each in gateway.job.received] == [b"%d" % n for n in (*numbers, 160)]


def test_calls_and_other_requests_take_turns_on_one_connection(gateway):
    call = f"GET {PATH} HTTP/1.1\r\n".encode() + AUTH + b"\r\n"
    probe = b"POST /pub/live HTTP/1.1\r\nHost: pub\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    last = b"GET /pub/live HTTP/1.1\r\nHost: pub\r\nConnection: close\r\n\r\n"
    answer = gateway.exchange(call + probe + call + last)
    statuses = [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"405", b"200", b"200"]
    assert answer.endswith(b'{"live":true}')


def test_what_follows_a_last_request_is_not_read(gateway):
    answer = gateway.exchange(post(b"Content-Length: 0\r\n", b"") * 3)
    assert answer.count(b"HTTP/1.1 200") == 1
    assert len(gateway.job.received) == 1


def test_a_body_that_announces_itself_and_comes_at_once_is_taken(gateway):
    answer = gateway.exchange(post(b"Content-Length: 5\r\nExpect: 100-continue\r\n", b"hello"))
    assert answer.endswith(b"ok")
    assert gateway.job.received[0].body == b"hello"
    assert gateway.job.received[0].values("expect") == []


def test_a_request_that_breaks_off_never_reaches_the_job_as_whole(gateway):
    with gateway.connect() as connection:
        connection.sendall(post(b"Content-Length: 5\r\n", b"hell"))
    with gateway.connect() as connection:
        connection.sendall(post(b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n"))
    assert gateway.exchange(post(b"Content-Length: 2\r\n", b"hi")).endswith(b"ok")
    assert [each.body for each in gateway.job.received] == [b"hi"]


def post(headers, body):
    return f"POST {PATH} HTTP/1.1\r\n".encode() + AUTH + CLOSE + headers + b"\r\n" + body


def test_a_caller_that_reads_late_gets_each_answer_whole(gateway):
    size, count = 200_000, 20
    gateway.job.answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size
    call = f"GET {PATH} HTTP/1.1\r\n".encode() + AUTH
    with gateway.connect() as connection:
        connection.sendall((call + b"\r\n") * (count - 1) + call + CLOSE + b"\r\n")
        wait_until(lambda: gateway.job.received)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.count(b"HTTP/1.1 200") == count
    assert answer.count(b"x" * size) == count
