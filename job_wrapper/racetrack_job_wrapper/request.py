"""The request of a call: its body as arguments, and its context for code that runs inside the call."""

import io
import json
import zlib
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]
MAX_DECOMPRESSED_BYTES = 64 * 1024 * 1024
MAX_MEMBERS = 4096
"""The most compressed parts of a body: four times as many as the largest body has in blocks of 64 KiB, a usual size."""
MAX_ENCODINGS = 2
_PIECE_BYTES = 64 * 1024
_PART_BYTES = 1024 * 1024
# zlib tells the format by its window size. A deflated body has zlib's head, though some clients leave it out.
_WINDOWS = {"gzip": (zlib.MAX_WBITS + 16,), "deflate": (zlib.MAX_WBITS, -zlib.MAX_WBITS)}
_WINDOWS["x-gzip"] = _WINDOWS["gzip"]


@dataclass(frozen=True)
class JobRequest:
    """The head of the HTTP request of a call."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """The headers, with names in lower case."""

    def header(self, name: str) -> str:
        """Return the value of a header; empty when it is absent."""
        return self.headers.get(name.lower(), "")


class Headers(dict[str, str]):
    """Headers whose names are not case-sensitive."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a header, or the default."""
        return super().get(key.lower(), default)

    def __getitem__(self, key: str) -> str:
        return super().__getitem__(key.lower())


request_context: ContextVar[JobRequest] = ContextVar("request_context")
request_extra: ContextVar[dict[str, Any]] = ContextVar("request_extra")


class InvalidBody(ValueError):
    """The body is not a JSON object of arguments; the answer has status 422."""


class UnknownEncoding(Exception):
    """The body is compressed in a way that is not known here; the answer has status 415."""


class BodyTooLarge(Exception):
    """A body is too large, or becomes so when it is decompressed; the answer has status 413."""


class CallerLeft(Exception):
    """The connection was closed before the body was whole, so there is nothing to call, and no caller to answer."""


@dataclass
class BodyLimit:
    """The limit of the bodies of requests."""

    most: int
    """The largest body in bytes."""

    def check_length(self, headers: Mapping[str, str]) -> None:
        """Raise BodyTooLarge when the body is announced to be too large."""
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self.most:
            raise self._too_large()

    def limit(self, headers: Mapping[str, str], receive: Receive) -> Receive:
        """Return a `receive` that raises BodyTooLarge when a body of unannounced size becomes too large."""
        if "transfer-encoding" not in headers:
            return receive
        size = 0

        async def receive_some() -> dict[str, Any]:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self.most:
                raise self._too_large()
            return message

        return receive_some

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"the body may have {self.most} bytes; jobtype_extra.max_body in job.yaml sets another limit"
        )


async def read_body(receive: Receive) -> bytes:
    """Read the whole body; raise CallerLeft when it breaks off."""
    chunks = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerLeft
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


def decode_body(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return the body as it was before compression; raise InvalidBody, UnknownEncoding or BodyTooLarge."""
    written = headers.get("content-encoding", "").lower().split(",")
    names = [name for each in written if (name := each.strip()) not in ("", "identity")]
    if len(names) > MAX_ENCODINGS:
        raise InvalidBody(
            f"the body is compressed {len(names)} times, which its content encoding says; compress it once"
        )
    for name in reversed(names):
        if name not in _WINDOWS:
            raise UnknownEncoding(
                f"a body in content encoding {name} can't be read; send it as gzip, as deflate, or as it is"
            )
        body = _decompress(name, body)
    return body


def parse_payload(body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments of a call; raise InvalidBody when the body is not a JSON object."""
    content_type = headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type and content_type != "application/json" and not content_type.endswith("+json"):
        raise InvalidBody(f"the content type must be application/json, not {content_type}")
    try:
        payload = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError) as error:
        raise InvalidBody(f"the body is not JSON: {error}") from error
    if payload is None:
        return {}
    if not isinstance(payload, dict):
        kind = type(payload).__name__
        raise InvalidBody(f"the body must be a JSON object of arguments by name, not a {kind}")
    return payload


def _decompress(name: str, body: bytes) -> bytes:
    for window in _WINDOWS[name]:
        try:
            return _inflate(window, body)
        except zlib.error as error:
            reason = error
    raise InvalidBody(f"the body is not {name}, which its content encoding says: {reason}")


def _inflate(window: int, body: bytes) -> bytes:
    view, whole = memoryview(body), io.BytesIO()
    position, members, is_held_back = 0, 1, False
    member = zlib.decompressobj(window)
    while position < len(body) or is_held_back:
        if member.eof:  # A gzip body may consist of several members.
            member, members = zlib.decompressobj(window), members + 1
        piece = view[position : position + _PIECE_BYTES]
        size = whole.write(member.decompress(piece, _PART_BYTES))
        position += len(piece) - len(member.unused_data) - len(member.unconsumed_tail)
        is_held_back = size == _PART_BYTES and not member.eof
        _check_bounds(whole.tell(), members)
    if body and not member.eof:
        raise zlib.error("it breaks off")
    return whole.getvalue()


def _check_bounds(size: int, members: int) -> None:
    """Raise BodyTooLarge or InvalidBody for a body that takes much more of the job than its sender sends."""
    if size > MAX_DECOMPRESSED_BYTES:
        raise BodyTooLarge(
            f"the body is more than {MAX_DECOMPRESSED_BYTES} bytes when it is decompressed"
        )
    if members > MAX_MEMBERS:
        raise InvalidBody(
            f"the body consists of more than {MAX_MEMBERS} compressed parts; compress it as one"
        )
