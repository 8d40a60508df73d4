"""The request that is being answered, for code that runs inside a call."""

import json
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class JobRequest:
    """The HTTP request of a call."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""

    def header(self, name: str) -> str:
        """Return a header, empty when it is absent."""
        return self.headers.get(name.lower(), "")


class Headers(dict[str, str]):
    """Headers that are found whatever the case of their name."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return a header's value."""
        return super().get(key.lower(), default)

    def __getitem__(self, key: str) -> str:
        return super().__getitem__(key.lower())


request_context: ContextVar[JobRequest] = ContextVar("request_context")
request_extra: ContextVar[dict[str, Any]] = ContextVar("request_extra")


class InvalidBody(ValueError):
    """The body can't be the arguments of a call; answered with 422."""


async def read_body(receive: Receive) -> bytes:
    """Read the whole body."""
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


def parse_payload(body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments; InvalidBody says what is wrong."""
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
