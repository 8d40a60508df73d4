"""Answers as the caller gets them."""

import pytest

URL = b"/pub/job/adder/latest/x"
REST = b"Host: pub\r\nX-Racetrack-Auth: a.good.z\r\nX-Request-Tracing-Id: mine\r\nConnection: close\r\n\r\n"
DATE = b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
BROKEN = {
    "nothing": b"",
    "no HTTP": b"hello\r\n\r\n",
    "another version": b"HTTP/2.0 200 OK\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "a header that goes on": b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
    "a line feed alone": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "another coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "a protocol nobody asked for": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
}
CUT = {
    "a short body": b"Content-Length: 9\r\n\r\nhalf",
    "no last chunk": b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    "half a chunk": b"Transfer-Encoding: chunked\r\n\r\n9\r\nhalf",
    "a bad chunk": b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nx\r\n",
}


def get(method=b"GET", version=b"HTTP/1.1"):
    return method + b" " + URL + b" " + version + b"\r\n" + REST


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_an_answer_that_is_none_is_502(gateway, answer):
    gateway.job.answer, gateway.job.closes = answer, True
    assert gateway.exchange(get(b"POST")).startswith(b"HTTP/1.1 502")
    assert len(gateway.job.received) == 1


@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"])
@pytest.mark.parametrize("answer", CUT.values(), ids=CUT)
def test_an_answer_that_breaks_off_never_looks_whole(gateway, answer, version):
    gateway.job.answer, gateway.job.closes = b"HTTP/1.1 200 OK\r\n" + answer, True
    try:
        seen = gateway.exchange(get(version=version))
    except ConnectionResetError:
        return
    if seen.startswith(b"HTTP/1.1 502"):
        return  # Head and body arrived at once, and the caller has got neither.
    assert b"content-length: 9\r\n" in seen or b"transfer-encoding: chunked\r\n" in seen
    assert not seen.endswith(b"0\r\n\r\n")
    assert len(seen.partition(b"\r\n\r\n")[2]) < 9 + len(b"4\r\n\r\n")


def test_the_length_of_an_answer_passes_whatever_connection_names(gateway):
    gateway.job.answer = (
        b"HTTP/1.1 200 OK\r\nConnection: content-length\r\nContent-Length: 5\r\n\r\nhello"
    )
    head, _, body = gateway.exchange(get()).partition(b"\r\n\r\n")
    assert b"content-length: 5" in head
    assert body == b"hello"


def test_an_answer_in_chunks_stays_in_chunks(gateway):
    gateway.job.answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"
    head, _, body = gateway.exchange(get()).partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert body == b"5\r\nhello\r\n0\r\n\r\n"


def test_an_answer_in_chunks_reaches_the_older_version_without_them(gateway):
    gateway.job.answer = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    )
    head, _, body = gateway.exchange(get(version=b"HTTP/1.0")).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert body == b"hello"


@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"])
def test_an_answer_that_ends_with_its_connection_is_whole(gateway, version):
    gateway.job.answer, gateway.job.closes = b"HTTP/1.0 200 OK\r\n\r\nhello", True
    body = gateway.exchange(get(version=version)).partition(b"\r\n\r\n")[2]
    assert body in (b"5\r\nhello\r\n0\r\n\r\n", b"hello")


@pytest.mark.parametrize(
    "length", [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b""]
)
def test_an_answer_to_head_has_no_body(gateway, length):
    gateway.job.answer = b"HTTP/1.1 200 OK\r\n" + DATE + length + b"\r\n"
    for _ in range(3):  # The third head is remembered.
        head, _, body = gateway.exchange(get(b"HEAD")).partition(b"\r\n\r\n")
        assert (head[:12], body) == (b"HTTP/1.1 200", b"")
    assert b"content-length: 5" in head or b"Length" not in length


def test_the_same_head_has_a_body_for_get_and_none_for_head(gateway):
    whole = b"HTTP/1.1 200 OK\r\n" + DATE + b"Content-Length: 5\r\n\r\n"
    for method, body in [(b"GET", b"hello"), (b"HEAD", b"")] * 3:
        gateway.job.answer = whole + body
        assert gateway.exchange(get(method)).partition(b"\r\n\r\n")[2] == body


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
@pytest.mark.parametrize(
    "length", [b"", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"]
)
def test_statuses_without_a_body_have_none(gateway, status, length):
    gateway.job.answer = b"HTTP/1.1 " + status + b"\r\n" + length + b"\r\n"
    head, _, body = gateway.exchange(get()).partition(b"\r\n\r\n")
    assert body == b""
    assert b"transfer-encoding" not in head
    assert b"content-length" not in head


def test_early_hints_precede_the_answer(gateway):
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    gateway.job.answer = hints * 2 + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    answer = gateway.exchange(get())
    assert answer.startswith(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 103 ")
    assert answer.endswith(b"\r\n\r\nok")
    assert b"103" not in gateway.exchange(get(version=b"HTTP/1.0"))


def test_a_permission_of_the_job_is_not_passed_on(gateway):
    gateway.job.answer = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    )
    assert gateway.exchange(get()).startswith(b"HTTP/1.1 200 OK")


def test_bytes_behind_an_answer_never_reach_the_next_caller(gateway):
    gateway.job.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret"
    for _ in range(3):
        assert gateway.exchange(get()).endswith(b"\r\n\r\nok")


def test_an_answer_that_ends_its_connection_is_the_last_on_it(gateway):
    gateway.job.answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    before = gateway.job.connections
    for _ in range(3):
        assert gateway.exchange(get()).endswith(b"\r\n\r\nok")
    assert gateway.job.connections >= before + 2


def test_an_answer_without_a_date_gets_one(gateway):
    gateway.job.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    assert b"\r\ndate: " in gateway.exchange(get())


def test_a_reason_passes(gateway):
    gateway.job.answer = b"HTTP/1.1 299 Sort Of\r\nContent-Length: 0\r\n\r\n"
    assert gateway.exchange(get()).startswith(b"HTTP/1.1 299 Sort Of\r\n")


def test_each_caller_gets_its_own_tracing_id_with_a_remembered_head(gateway):
    request = get().replace(b"mine", b"%d")
    for number in range(5):
        answer = gateway.exchange(request % number)
        assert b"x-request-tracing-id: %d\r\n" % number in answer
        assert gateway.job.received[-1].values("x-request-tracing-id") == [str(number)]
