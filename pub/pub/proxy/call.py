"""One call, read from the head of a request: its job path, the caller's token and a tracing id."""

import random
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_plus

from starlette.types import Receive, Scope, Send

from pub.config import PubConfig
from pub.routing.route import JobPath, RouteQuery, parse_job_path

AUTH_NAMES = ("x-racetrack-auth", "x-racetrack-esc-auth", "x-racetrack-user-auth")
Headers = Sequence[tuple[bytes, bytes]]
"""The headers of an ASGI scope: their names are in lower case."""
_BROKEN_ESCAPE = re.compile("%(?![0-9a-fA-F]{2})")
_TRACING_ID = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True, slots=True)
class Call:
    """A call on its way to a job, with the ASGI channels to its caller."""

    scope: Scope
    receive: Receive
    send: Send
    job: JobPath
    raw_path: str
    tracing_id: str
    token: str = field(repr=False)
    tracing_header: str

    @property
    def headers(self) -> Headers:
        """The caller's headers."""
        headers: Headers = self.scope["headers"]
        return headers

    @property
    def method(self) -> str:
        """The HTTP method; the handshake of a WebSocket is a GET."""
        return str(self.scope.get("method", "GET"))

    @property
    def query(self) -> str:
        """The query string with its question mark, byte for byte; empty without a query."""
        query: bytes = self.scope["query_string"]
        return f"?{query.decode('latin-1')}" if query else ""

    @property
    def prefix(self) -> str:
        """The part of the caller's path that precedes the path inside the job."""
        return self.raw_path.removesuffix(self.job.path).rstrip("/")

    @property
    def route_query(self) -> RouteQuery:
        """The query by which Lifecycle authorizes this call."""
        return RouteQuery(self.job, self.token, {self.tracing_header: self.tracing_id})

    def __str__(self) -> str:
        return f"{self.method} {self.raw_path[:2000]}"


def read_call(scope: Scope, receive: Receive, send: Send, config: PubConfig) -> Call | None:
    """Read the head of a request; return None when its path is not that of a job."""
    raw_path = _read_path(scope)
    job = parse_job_path(raw_path, f"/{config.service_name}")
    if job is None:
        return None
    headers: Headers = scope["headers"]
    tracing_id = read_header(headers, config.request_tracing_header.lower().encode())
    if not _TRACING_ID.fullmatch(tracing_id):
        tracing_id = _make_tracing_id()
    token = read_token(headers)
    if not token and _is_preflight(scope):
        token = config.lifecycle_auth_token.get_secret_value()
    return Call(
        scope, receive, send, job, raw_path, tracing_id, token, config.request_tracing_header
    )


def read_token(headers: Headers) -> str:
    """Return the first token of the headers and cookies, in the contract's order of names; empty without a token."""
    for name in AUTH_NAMES:
        token = read_header(headers, name.encode()) or _read_cookie(headers, name)
        if token:
            # Other characters can't be part of a token, and must never get into the head of another request.
            return token if token.isascii() and token.isprintable() else ""
    return ""


def read_header(headers: Headers, name: bytes) -> str:
    """Return the value of a header by its lower-case name; empty when it is absent."""
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return ""


def remove_auth_cookies(cookie: bytes) -> bytes:
    """Return the cookie header without the cookies that hold tokens."""
    kept = [part for part in cookie.split(b";") if _cookie_name(part) not in AUTH_NAMES]
    return b";".join(kept).strip()


def _make_tracing_id() -> str:
    # The id must be unique, not secret: asking the system for randomness would cost more than routing the call.
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def _read_path(scope: Scope) -> str:
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    # Some servers leave the query in the raw path; bytes that are illegal in a URL are escaped here.
    return quote(raw.partition(b"?")[0], safe="%/:@!$&'()*+,;=-._~[]|^`{}\"<>\\")


def _is_preflight(scope: Scope) -> bool:
    """Return whether the request is a CORS preflight, which browsers send without a token."""
    headers: Headers = scope["headers"]
    return (
        scope.get("method") == "OPTIONS"
        and bool(read_header(headers, b"origin"))
        and bool(read_header(headers, b"access-control-request-method"))
        and not read_header(headers, b"content-length")
        and not read_header(headers, b"transfer-encoding")
    )


def _read_cookie(headers: Headers, name: str) -> str:
    for part in _list_cookies(headers):
        if _cookie_name(part) == name:
            value = part.partition(b"=")[2].strip().decode("latin-1")
            return "" if _BROKEN_ESCAPE.search(value) else unquote_plus(value)
    return ""


def _list_cookies(headers: Headers) -> Iterator[bytes]:
    for key, value in headers:
        if key == b"cookie":
            yield from value.split(b";")


def _cookie_name(part: bytes) -> str:
    return part.partition(b"=")[0].strip().lower().decode("latin-1")
