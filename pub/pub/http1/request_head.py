"""Heads of requests. What is ambiguous is refused: another program behind the gateway could read it otherwise."""

import re
from dataclasses import dataclass
from http import HTTPStatus

from pub.http1.bodies import ChunkedBody, SizedBody
from pub.http1.fields import (
    HEAD_END,
    TOKEN,
    BadMessage,
    Fields,
    is_chunked,
    list_tokens,
    list_values,
    parse_fields,
    parse_length,
)

_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21\x22\x24-\x7e]+) HTTP/([0-9]\.[0-9])")
_AUTHORITY = rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=%]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?"
_HOST = re.compile(_AUTHORITY)
_ABSOLUTE = re.compile(rb"(?i:https?)://(" + _AUTHORITY + rb")((?:/[^?]*)?(?:\?.*)?)")
_CONTINUE = b"100-continue"


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The head of a request."""

    method: str
    path: bytes
    """The path, with its escapes."""
    query: bytes
    fields: Fields
    is_old: bool
    """True for HTTP/1.0, whose callers know neither chunks nor further requests on a connection."""
    size: int | None
    """The size of the body; None if it comes in chunks."""
    is_last: bool
    """True if the caller wants its connection closed after the answer."""
    expects_permission: bool
    """True if the caller waits for `100 Continue` before it sends the body."""
    upgrade: bytes | None
    """The protocol that the caller asks for in place of HTTP, in lower case."""

    def make_body(self) -> SizedBody | ChunkedBody:
        """Return a reader of the body."""
        return ChunkedBody() if self.size is None else SizedBody(self.size)


def parse_request_head(head: bytes) -> RequestHead:
    """Parse a head, with the empty line that ends it; raises BadMessage."""
    line, *lines = head.removeprefix(b"\r\n")[: -len(HEAD_END)].split(b"\r\n")
    match = _LINE.fullmatch(line)
    if match is None:
        raise BadMessage("the first line is not METHOD TARGET HTTP/1.1")
    version = match[3]
    if version not in (b"1.1", b"1.0"):
        status = HTTPStatus.HTTP_VERSION_NOT_SUPPORTED
        raise BadMessage("the supported versions are HTTP/1.1 and HTTP/1.0", status)
    is_old = version == b"1.0"
    fields = parse_fields(lines)
    _check_host(fields, is_old=is_old)
    path, query = _read_target(match[1], match[2], fields)
    connection = list_tokens(list_values(fields, b"connection"))
    upgrade = list_values(fields, b"upgrade")
    expectation = _read_expectation(fields)
    return RequestHead(
        method=match[1].decode(),
        path=path,
        query=query,
        fields=fields,
        is_old=is_old,
        size=_read_size(fields, is_old=is_old),
        is_last=is_old or b"close" in connection,
        expects_permission=expectation and not is_old,
        upgrade=upgrade[-1].lower() if upgrade and b"upgrade" in connection else None,
    )


def _check_host(fields: Fields, *, is_old: bool) -> None:
    hosts = list_values(fields, b"host")
    if len(hosts) > 1 or not (hosts or is_old):
        raise BadMessage("a request needs one Host")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise BadMessage("Host is no name or address")


def _read_target(method: bytes, target: bytes, fields: Fields) -> tuple[bytes, bytes]:
    """Return path and query of a target; the host of an absolute one takes the place of the header."""
    if method == b"CONNECT" or target == b"*":
        raise BadMessage("the target is not a path", HTTPStatus.NOT_IMPLEMENTED)
    if not target.startswith(b"/"):
        match = _ABSOLUTE.fullmatch(target)
        if match is None or not match[1]:
            raise BadMessage("the target is neither a path nor an address")
        fields[:] = [(b"host", match[1]), *(each for each in fields if each[0] != b"host")]
        target = match[2] if match[2].startswith(b"/") else b"/" + match[2]
    path, _, query = target.partition(b"?")
    return path, query


def _read_size(fields: Fields, *, is_old: bool) -> int | None:
    """Return the size of the body; None if it comes in chunks."""
    length = parse_length(list_values(fields, b"content-length"))
    if not list_values(fields, b"transfer-encoding"):
        return length or 0
    if is_old:
        raise BadMessage("HTTP/1.0 knows no Transfer-Encoding")
    if length is not None:
        raise BadMessage("a request has either Content-Length or Transfer-Encoding")
    return None if is_chunked(fields) else 0


def _read_expectation(fields: Fields) -> bool:
    expected = list_tokens(list_values(fields, b"expect"))
    if any(each != _CONTINUE for each in expected):
        raise BadMessage(
            "the only known expectation is 100-continue", HTTPStatus.EXPECTATION_FAILED
        )
    return bool(expected)
