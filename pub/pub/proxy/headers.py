"""Which headers pass, in both directions."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from pub.routing.token import AUTH_NAMES, Headers, find_header, remove_auth_cookies

HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}


@dataclass(frozen=True)
class CallContext:
    """What the gateway knows of a call and tells the job."""

    tracing_header: str
    tracing_id: str
    caller_header: str
    caller: str | None
    client_address: str
    scheme: str
    prefix: str


def make_request_headers(headers: Headers, context: CallContext) -> list[tuple[str, str]]:
    """Make the job's request headers: no tokens, no claims of the caller's about itself, and who forwards."""
    left_out = HOP_BY_HOP | set(AUTH_NAMES) | _named_by_connection(headers)
    left_out |= {
        "host",
        "x-racetrack-gateway-token",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
    }
    left_out |= {
        "x-forwarded-prefix",
        context.tracing_header.lower(),
        context.caller_header.lower(),
    }
    passed = []
    for raw_name, raw_value in headers:
        name = raw_name.decode("latin-1")
        value = remove_auth_cookies(raw_value) if name == "cookie" else raw_value
        if name not in left_out and (value or name != "cookie"):
            passed.append((name, value.decode("latin-1")))
    forwarded_for = ", ".join(
        part for part in (find_header(headers, "x-forwarded-for"), context.client_address) if part
    )
    passed += [
        ("X-Forwarded-For", forwarded_for),
        (
            "X-Forwarded-Host",
            find_header(headers, "x-forwarded-host") or find_header(headers, "host"),
        ),
        ("X-Forwarded-Proto", find_header(headers, "x-forwarded-proto") or context.scheme),
        ("X-Forwarded-Prefix", context.prefix),
        (context.tracing_header, context.tracing_id),
    ]
    return [*passed, (context.caller_header, context.caller)] if context.caller else passed


def make_response_headers(
    headers: Iterable[tuple[bytes, bytes]], address: str, tracing: tuple[str, str]
) -> list[tuple[bytes, bytes]]:
    """Make the caller's response headers: redirects to the job itself become relative."""
    passed = [
        (b"location", _relative(value, address)) if name.lower() == b"location" else (name, value)
        for name, value in headers
    ]
    tracing_name = tracing[0].lower().encode()
    kept = [
        (name.lower(), value)
        for name, value in passed
        if name.lower().decode("latin-1") not in HOP_BY_HOP and name.lower() != tracing_name
    ]
    return [*kept, (tracing_name, tracing[1].encode("latin-1"))]


def _named_by_connection(headers: Headers) -> set[str]:
    return {part.strip().lower() for part in find_header(headers, "connection").split(",")}


def _relative(location: bytes, address: str) -> bytes:
    parts = urlsplit(location.decode("latin-1"))
    if parts.netloc != address:
        return location
    return parts._replace(scheme="", netloc="").geturl().encode("latin-1")
