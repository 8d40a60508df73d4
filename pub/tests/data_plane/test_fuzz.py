"""Requests from a grammar, valid and broken: each valid one arrives once and as it was, and no other ever arrives."""

import re
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SMUGGLED = b"GET /pub/job/adder/latest/smuggled HTTP/1.1\r\nHost: pub\r\nX-Racetrack-Auth: a.good.z\r\n\r\n"
END = b"GET /pub/job/adder/latest/end HTTP/1.1\r\nHost: pub\r\nX-Racetrack-Auth: a.good.z\r\nConnection: close\r\n\r\n"
SILENCE_SECONDS = 0.3
OFTEN = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
methods = st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS"])
words = st.text("abcxyz019-_.~", min_size=1, max_size=8).filter(lambda word: set(word) - {"."})
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
headers = st.lists(st.tuples(words, values), max_size=4)
bodies = st.one_of(
    st.binary(max_size=60),
    st.just(SMUGGLED),
    st.just(b"0\r\n\r\n" + SMUGGLED),
    st.just(b"\r\n\r\n" + SMUGGLED * 3),
)
breaks = st.sampled_from(
    [b"\n", b"\r", b"\x00", b" ", b":", b"\t", b"\r\n", b"\r\n\r\n", b"chunked", b"1", b"-", b";"]
)
doubts = st.sampled_from(
    [
        b"Content-Length: 0",
        b"Content-Length: 6",
        b"Content-Length : 6",
        b"Content-Length: 0x6",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding:\x0bchunked",
        b"Host: other",
        b" folded",
        b"Connection: content-length",
        b"Connection: transfer-encoding",
        b"Upgrade: h2c\r\nConnection: Upgrade",
    ]
)


@dataclass(frozen=True)
class Sent:
    """A request of the grammar."""

    line: str
    head: bytes
    framed: bytes
    """The body with its framing."""
    body: bytes

    @property
    def data(self) -> bytes:
        return self.head + b"\r\n" + self.framed

    @property
    def framing(self) -> tuple[int, int]:
        """The places before the line that frames the body, and before its value; between them, a break undoes the framing."""
        at = max(self.head.find(b"\r\nContent-Length"), self.head.find(b"\r\nTransfer-Encoding"))
        return (len(self.head),) * 2 if at < 0 else (at, self.head.index(b":", at) + 1)


@st.composite
def requests(draw):
    method, path = draw(methods), draw(words)
    lines = [f"{method} /pub/job/adder/latest/{path} HTTP/1.1", "Host: pub"]
    lines += [f"X-{name}: {value}" for name, value in draw(headers)]
    lines.append("X-Racetrack-Auth: a.good.z")
    body = draw(bodies)
    framed = body
    if draw(st.booleans()):
        lines.append("Transfer-Encoding: chunked")
        framed = draw(chunks(body))
    elif body or draw(st.booleans()):
        lines.append(f"Content-Length: {len(body)}")
    head = "".join(f"{line}\r\n" for line in lines).encode()
    return Sent(f"{method} /pub/job/adder/0.0.2/{path} HTTP/1.1", head, framed, body)


@st.composite
def chunks(draw, body):
    framed, at = b"", 0
    while at < len(body):
        size = draw(st.integers(1, len(body)))
        piece = body[at : at + size]
        extension = draw(st.sampled_from([b"", b";a=b", b' ;a="b"']))
        framed += b"%x%b\r\n%b\r\n" % (len(piece), extension, piece)
        at += size
    return framed + b"0\r\n" + draw(st.sampled_from([b"", b"X-Trailer: 1\r\n"])) + b"\r\n"


@OFTEN
@given(sent=st.lists(requests(), min_size=1, max_size=5), size=st.integers(1, 400))
def test_valid_requests_arrive_once_in_order_and_whole(module_gateway, sent, size):
    module_gateway.job.reset()
    stream = b"".join(each.data for each in sent) + END
    answer = module_gateway.exchange(*split(stream, size))
    received = [(each.line, each.body) for each in module_gateway.job.received[:-1]]
    assert received == [(each.line, each.body) for each in sent]
    assert len(re.findall(rb"HTTP/1.1 200 ", answer)) == len(sent) + 1


@OFTEN
@given(first=requests(), broken=requests(), at=st.integers(0, 400), junk=breaks)
def test_no_break_of_a_request_lets_another_one_through(module_gateway, first, broken, at, junk):
    data, (line, value) = broken.data, broken.framing
    at = min(at, len(broken.head) + len(broken.framed) - len(broken.body))
    at = value if line < at < value else at
    check(module_gateway, first, data[:at] + junk + data[at:])


@OFTEN
@given(first=requests(), broken=requests(), at=st.integers(0, 400), count=st.integers(1, 4))
def test_no_loss_of_bytes_lets_another_request_through(module_gateway, first, broken, at, count):
    data, (line, _) = broken.data, broken.framing
    at = max(0, min(at, line - count))
    check(module_gateway, first, data[:at] + data[at + count :])


@OFTEN
@given(first=requests(), broken=requests(), doubt=doubts)
def test_no_second_framing_lets_another_request_through(module_gateway, first, broken, doubt):
    check(module_gateway, first, broken.head + doubt + b"\r\n\r\n" + broken.framed)


def check(gateway, first, broken):
    """Send a valid request and a broken one: the first arrives, and nothing that is in the body of the second one."""
    gateway.job.reset()
    answers = converse(gateway, first.data + broken)
    received = gateway.job.received
    assert (received[0].line, received[0].body) == (first.line, first.body)
    assert b"smuggled" not in b"".join(each.head for each in received)
    assert len(re.findall(rb"HTTP/1.1 \d{3} ", answers)) >= len(received)
    statuses = {int(status) for status in re.findall(rb"HTTP/1.1 (\d{3}) ", answers)}
    assert statuses <= {200, 400, 401, 404, 405, 408, 417, 431, 501, 503, 505}


def converse(gateway, data):
    """Send bytes, and return what comes until the connection ends or nothing more comes."""
    seen = b""
    with gateway.connect() as connection:
        connection.sendall(data)
        try:
            while part := connection.recv(65536):
                seen += part
                connection.settimeout(SILENCE_SECONDS)
        except TimeoutError:
            return seen
    return seen


def split(stream, size):
    return [stream[at : at + size] for at in range(0, len(stream), size)]
