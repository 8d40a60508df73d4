"""Requests that RFC 9112 forbids, or that another program could read otherwise: each is refused, and nothing after it is read."""

import re

import pytest

LINE = b"POST /pub/job/adder/latest/x HTTP/1.1\r\n"
HEAD = LINE + b"Host: pub\r\nX-Racetrack-Auth: a.good.z\r\n"
NEXT = b"GET /pub/job/adder/latest/smuggled HTTP/1.1\r\nHost: pub\r\nX-Racetrack-Auth: a.good.z\r\n\r\n"
BAD, UNKNOWN, EXPECTED, VERSION = b"400", b"501", b"417", b"505"

BAD_LINES = {
    "no version": b"GET /pub/job/adder/latest/x",
    "two spaces before the target": b"GET  /pub/job/adder/latest/x HTTP/1.1",
    "two spaces after the target": b"GET /pub/job/adder/latest/x  HTTP/1.1",
    "a space at the end": b"GET /pub/job/adder/latest/x HTTP/1.1 ",
    "a space at the beginning": b" GET /pub/job/adder/latest/x HTTP/1.1",
    "a space in the target": b"GET /pub/job/adder/latest/x y HTTP/1.1",
    "a tab for a space": b"GET\t/pub/job/adder/latest/x HTTP/1.1",
    "a fragment": b"GET /pub/job/adder/latest/x#part HTTP/1.1",
    "bytes beyond ASCII in the target": b"GET /pub/job/adder/latest/\xff HTTP/1.1",
    "a NUL in the target": b"GET /pub/job/adder/latest/\x00 HTTP/1.1",
    "a carriage return in the target": b"GET /pub/job/adder/latest/x\ry HTTP/1.1",
    "a method that is no token": b"GE(T /pub/job/adder/latest/x HTTP/1.1",
    "no method": b"/pub/job/adder/latest/x HTTP/1.1",
    "a relative target": b"GET pub/job/adder/latest/x HTTP/1.1",
    "another scheme": b"GET ftp://pub/pub/job/adder/latest/x HTTP/1.1",
    "an absolute target without a host": b"GET http:///pub/job/adder/latest/x HTTP/1.1",
    "an absolute target with a user": b"GET http://a@pub/pub/job/adder/latest/x HTTP/1.1",
    "HTTP in small letters": b"GET /pub/job/adder/latest/x http/1.1",
    "a version without a dot": b"GET /pub/job/adder/latest/x HTTP/11",
    "a long version": b"GET /pub/job/adder/latest/x HTTP/1.10",
    "another protocol": b"GET /pub/job/adder/latest/x ICY/1.1",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}
BAD_VERSIONS = {
    "HTTP/2": b"PRI * HTTP/2.0",
    "HTTP/0.9": b"GET /pub/job/adder/latest/x HTTP/0.9",
    "HTTP/1.2": b"GET /pub/job/adder/latest/x HTTP/1.2",
}
BAD_HEADERS = {
    "a space before the colon": b"X-A : b",
    "a tab before the colon": b"X-A\t: b",
    "a space before the name": b" X-A: b",
    "no colon": b"X-A",
    "no name": b": b",
    "a name that is no token": b"X(A): b",
    "a name with a space": b"X A: b",
    "a name beyond ASCII": b"X-\xe4: b",
    "a name with a NUL": b"X-\x00: b",
    "a value that goes on in a further line": b"X-A: b\r\n c",
    "a value that goes on after a tab": b"X-A: b\r\n\tc",
    "an empty line with a space": b"X-A: b\r\n ",
    "a carriage return alone": b"X-A: b\rX-B: c",
    "a line feed alone": b"X-A: b\nX-B: c",
    "a line feed, then a length": b"X-A: b\nContent-Length: 5",
    "a NUL in a value": b"X-A: b\x00c",
    "a bell in a value": b"X-A: b\x07c",
    "a DEL in a value": b"X-A: b\x7fc",
    "an escape in a value": b"X-A: \x1b[31m",
}
BAD_HOSTS = {
    "no host": b"",
    "two hosts": b"Host: pub\r\nHost: other\r\n",
    "the same host twice": b"Host: pub\r\nHost: pub\r\n",
    "two hosts in one line": b"Host: pub, other\r\n",
    "a host with a path": b"Host: pub/x\r\n",
    "a host with a user": b"Host: a@pub\r\n",
    "a host with a space": b"Host: pub other\r\n",
    "a host with a bad port": b"Host: pub:80x\r\n",
    "a host with two ports": b"Host: pub:80:80\r\n",
}
BAD_LENGTHS = {
    "a negative length": b"Content-Length: -1",
    "a length with a plus": b"Content-Length: +5",
    "a hexadecimal length": b"Content-Length: 0x5",
    "a length with a space": b"Content-Length: 1 2",
    "an empty length": b"Content-Length:",
    "a length in letters": b"Content-Length: five",
    "a length with an underscore": b"Content-Length: 1_0",
    "a length in other digits": b"Content-Length: \xd9\xa5",
    "a fraction": b"Content-Length: 5.0",
    "an endless length": b"Content-Length: " + b"9" * 40,
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6",
    "the same length twice": b"Content-Length: 5\r\nContent-Length: 5",
    "a list of lengths": b"Content-Length: 5, 5",
    "length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: 5",
    "a length of nothing and chunks": b"Content-Length: 0\r\nTransfer-Encoding: chunked",
    "chunked twice": b"Transfer-Encoding: chunked, chunked",
    "chunked in two headers": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "chunked not last": b"Transfer-Encoding: chunked, gzip",
    "chunked not last, in two headers": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip",
    "another coding": b"Transfer-Encoding: gzip",
    "identity": b"Transfer-Encoding: identity",
    "no coding": b"Transfer-Encoding:",
    "a coding that looks like chunked": b"Transfer-Encoding: xchunked",
    "chunked with a vertical tab": b"Transfer-Encoding: \x0bchunked",
    "chunked in quotes": b'Transfer-Encoding: "chunked"',
    "chunked with a parameter": b"Transfer-Encoding: chunked;q=1",
    "the name with a space": b"Transfer-Encoding : chunked",
}
BAD_CHUNKS = {
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "a size with a prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a negative size": b"-5\r\nhello\r\n0\r\n\r\n",
    "a size with a plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "a size with an underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "a size with a space before it": b" 5\r\nhello\r\n0\r\n\r\n",
    "a size with a space after it": b"5 \r\nhello\r\n0\r\n\r\n",
    "an endless size": b"1" + b"0" * 16 + b"\r\nhello\r\n0\r\n\r\n",
    "a size that ends with a line feed": b"5\nhello\r\n0\r\n\r\n",
    "a size that ends with a carriage return": b"5\rhello\r\n0\r\n\r\n",
    "a size in letters": b"five\r\nhello\r\n0\r\n\r\n",
    "a chunk that is longer than its size": b"4\r\nhello\r\n0\r\n\r\n",
    "a chunk that is shorter than its size": b"6\r\nhello\r\n0\r\n\r\n",
    "a chunk that ends with a line feed": b"5\r\nhello\n0\r\n\r\n",
    "a chunk that ends with nothing": b"5\r\nhello0\r\n\r\n",
    "an extension with a line feed": b"5;a=b\nc\r\nhello\r\n0\r\n\r\n",
    "an extension with a carriage return": b"5;a=b\rc\r\nhello\r\n0\r\n\r\n",
    "an endless extension": b"5;" + b"a" * 5000 + b"\r\nhello\r\n0\r\n\r\n",
    "a trailer without a name": b"5\r\nhello\r\n0\r\n: a\r\n\r\n",
    "a trailer that is no header": b"5\r\nhello\r\n0\r\nGET / HTTP/1.1\r\n\r\n",
    "endless trailers": b"5\r\nhello\r\n0\r\n" + b"X-A: bcdefghi\r\n" * 2000 + b"\r\n",
    "a last chunk that ends with a line feed": b"5\r\nhello\r\n0\n\r\n",
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_line_is_refused(gateway, line):
    expect(gateway, BAD, line + b"\r\nHost: pub\r\nX-Racetrack-Auth: a.good.z\r\n\r\n")


@pytest.mark.parametrize("line", BAD_VERSIONS.values(), ids=BAD_VERSIONS)
def test_an_unknown_version_is_refused(gateway, line):
    expect(gateway, VERSION, line + b"\r\nHost: pub\r\n\r\n")


@pytest.mark.parametrize("header", BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_a_bad_header_is_refused(gateway, header):
    expect(gateway, BAD, HEAD + header + b"\r\n\r\n")


@pytest.mark.parametrize("header", [b"X-A : b", b"Content-Length: 1\r\nContent-Length: 2"])
@pytest.mark.parametrize("path", [b"/pub/live", b"/pub/async/new/job/adder/latest/x", b"/other"])
def test_requests_that_are_no_calls_are_held_to_the_same_rules(gateway, header, path):
    line = b"POST " + path + b" HTTP/1.1\r\nHost: pub\r\n"
    expect(gateway, BAD, line + header + b"\r\n\r\n12")


@pytest.mark.parametrize("host", BAD_HOSTS.values(), ids=BAD_HOSTS)
def test_a_bad_host_is_refused(gateway, host):
    expect(gateway, BAD, LINE + host + b"X-Racetrack-Auth: a.good.z\r\n\r\n")


@pytest.mark.parametrize("header", BAD_LENGTHS.values(), ids=BAD_LENGTHS)
def test_an_ambiguous_length_is_refused(gateway, header):
    expect(gateway, BAD, HEAD + header + b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n")


def test_an_unknown_coding_is_refused(gateway):
    request = HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
    expect(gateway, UNKNOWN, request)


def test_chunks_are_refused_in_the_older_version(gateway):
    head = HEAD.replace(b"HTTP/1.1", b"HTTP/1.0")
    expect(gateway, BAD, head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")


@pytest.mark.parametrize("line", [b"CONNECT pub:80 HTTP/1.1", b"OPTIONS * HTTP/1.1"])
def test_targets_that_are_no_paths_are_refused(gateway, line):
    expect(gateway, UNKNOWN, line + b"\r\nHost: pub\r\n\r\n")


def test_an_unknown_expectation_is_refused(gateway):
    expect(gateway, EXPECTED, HEAD + b"Expect: 200-ok\r\nContent-Length: 5\r\n\r\nhello")


def test_too_many_headers_are_refused(gateway):
    expect(gateway, b"431", HEAD + b"A: b\r\n" * 1001 + b"\r\n")


def test_a_head_that_is_too_large_is_refused(gateway):
    expect(gateway, b"431", HEAD + b"X-A: " + b"a" * 66_000 + b"\r\n\r\n")


def test_lines_that_end_without_a_carriage_return_are_refused_before_the_head_ends(gateway):
    answer = gateway.exchange(b"GET /pub/job/adder/latest/x HTTP/1.1\nHost: pub\n\n")
    assert answer.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("body", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
def test_bad_chunks_are_refused_and_never_passed_on_as_whole(gateway, body):
    answer = gateway.exchange(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body + NEXT)
    assert answer.startswith(b"HTTP/1.1 400")
    assert len(re.findall(rb"HTTP/1.1 \d{3} ", answer)) == 1
    assert gateway.job.received == []


def expect(gateway, status, request):
    """Send a request, and another one behind it: only the first is answered, the job gets neither, the connection ends."""
    answer = gateway.exchange(request + NEXT)
    assert answer.startswith(b"HTTP/1.1 " + status), answer
    assert len(re.findall(rb"HTTP/1.1 \d{3} ", answer)) == 1
    assert b"connection: close" in answer.lower()
    assert gateway.job.received == []
