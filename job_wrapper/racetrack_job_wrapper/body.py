"""From the bytes of a request to the arguments of a call."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]


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
