"""Bodies of messages. Each reader takes what arrives, and tells the content from what follows the message."""

import re
from typing import Protocol

from pub.http1.fields import BadMessage, parse_fields

LAST_CHUNK = b"0\r\n\r\n"
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")
_LONGEST_LINE = 4096
_LONGEST_TRAILERS = 16 * 1024


class BodyReader(Protocol):
    """Reads one body."""

    is_whole: bool
    """True if the body has ended."""

    def read(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the content in the data, and what follows the message; raises BadMessage if the body is broken."""


class SizedBody:
    """A body whose head tells its size."""

    def __init__(self, size: int) -> None:
        self._left = size
        self.is_whole = size == 0

    def read(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the content, and what follows the message."""
        content, rest = data[: self._left], data[self._left :]
        self._left -= len(content)
        self.is_whole = self._left == 0
        return content, rest


class EndlessBody:
    """A body that ends with its connection."""

    is_whole = False

    def read(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the data."""
        return data, b""


class ChunkedBody:
    """A body in chunks. Extensions of chunks and trailers are read, and dropped."""

    def __init__(self) -> None:
        self.is_whole = False
        self._line = b""
        """The beginning of a line whose end has not arrived."""
        self._left = 0
        """The bytes of the present chunk that have not arrived."""
        self._is_in_chunk = False
        self._is_in_trailers = False
        self._trailers_size = 0

    def read(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the content without its framing, and what follows the message."""
        if self._line:
            data, self._line = self._line + data, b""
        at = 0
        pieces: list[bytes] = []
        while not self.is_whole:
            if self._left:
                pieces.append(data[at : at + self._left])
                at += len(pieces[-1])
                self._left -= len(pieces[-1])
                if self._left:
                    break
            end = data.find(b"\r\n", at)
            if end < 0:
                self._keep_part(data[at:])
                at = len(data)
                break
            self._take_line(data[at:end])
            at = end + 2
        return (pieces[0] if len(pieces) == 1 else b"".join(pieces)), data[at:]

    def _keep_part(self, part: bytes) -> None:
        if self._is_in_chunk and part not in (b"", b"\r"):
            raise BadMessage("a chunk is longer than its size")
        if len(part) > _LONGEST_LINE or b"\n" in part:
            raise BadMessage("a line between chunks does not end")
        self._line = part

    def _take_line(self, line: bytes) -> None:
        if self._is_in_chunk:
            if line:
                raise BadMessage("a chunk is longer than its size")
            self._is_in_chunk = False
        elif self._is_in_trailers:
            self._take_trailer(line)
        else:
            self._begin_chunk(line)

    def _begin_chunk(self, line: bytes) -> None:
        match = _SIZE_LINE.fullmatch(line)
        if match is None or len(line) > _LONGEST_LINE:
            raise BadMessage("the size of a chunk is no hexadecimal number")
        self._left = int(match[1], 16)
        self._is_in_chunk = self._left > 0
        self._is_in_trailers = self._left == 0

    def _take_trailer(self, line: bytes) -> None:
        self._trailers_size += len(line)
        if self._trailers_size > _LONGEST_TRAILERS:
            raise BadMessage("the trailers are too long")
        if line:
            parse_fields([line])
        else:
            self.is_whole = True


def encode_chunk(content: bytes) -> bytes:
    """Return content as a chunk; nothing for no content, because an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(content), content) if content else b""
