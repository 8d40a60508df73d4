"""Heads of answers. The method of the request is not in them: the reader of an answer has to know it for HEAD."""

import re
from dataclasses import dataclass

from pub.http1.bodies import BodyReader, ChunkedBody, EndlessBody, SizedBody
from pub.http1.fields import (
    HEAD_END,
    BadMessage,
    Fields,
    is_chunked,
    list_tokens,
    list_values,
    parse_fields,
    parse_length,
)

_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?")
_BODILESS = {204, 304}


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """The head of an answer."""

    status: int
    reason: bytes
    headers: Fields
    size: int | None
    """The size of the body; None if its end is not known before it comes."""
    is_chunked: bool
    is_last: bool
    """True if no further request may follow on the connection."""

    @property
    def is_interim(self) -> bool:
        """Return whether another answer follows."""
        return self.status < 200

    def make_body(self) -> BodyReader:
        """Return a reader of the body of an answer that has one."""
        if self.size is not None:
            return SizedBody(self.size)
        return ChunkedBody() if self.is_chunked else EndlessBody()


def parse_answer_head(head: bytes) -> AnswerHead:
    """Parse a head, with the empty line that ends it; raises BadMessage."""
    line, *lines = head[: -len(HEAD_END)].split(b"\r\n")
    match = _LINE.fullmatch(line)
    if match is None:
        raise BadMessage("the first line is not HTTP/1.1 STATUS REASON")
    fields = parse_fields(lines)
    status, is_old = int(match[2]), match[1] == b"0"
    in_chunks = is_chunked(fields)
    length = _read_length(fields)
    if in_chunks and (is_old or length is not None):
        raise BadMessage("an answer has either Content-Length or, in HTTP/1.1, Transfer-Encoding")
    size = 0 if status < 200 or status in _BODILESS else length
    connection = list_tokens(list_values(fields, b"connection"))
    is_last = b"keep-alive" not in connection if is_old else b"close" in connection
    is_endless = size is None and not in_chunks
    reason = match[3] or b""
    return AnswerHead(status, reason, fields, size, in_chunks, is_last or is_endless)


def _read_length(fields: Fields) -> int | None:
    """Return the length of the body; the same number twice is accepted of a job, as RFC 9110 allows."""
    values = list_values(fields, b"content-length")
    return parse_length(values if len(set(values)) > 1 else values[:1])
