"""The request of a call: its body as arguments, and its context for code that runs inside the call."""

import json
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]


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


async def read_body(receive: Receive) -> bytes:
    """Read the whole body."""
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


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
