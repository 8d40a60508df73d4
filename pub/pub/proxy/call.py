"""One call, as the caller made it."""

import random
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_plus

from starlette.types import Receive, Scope, Send

from pub.config import Config
from pub.routing.route import JobPath, Question, parse_job_path

AUTH_NAMES = ("x-racetrack-auth", "x-racetrack-esc-auth", "x-racetrack-user-auth")
Headers = Sequence[tuple[bytes, bytes]]
"""As ASGI gives them: names in lower case."""
_BROKEN_ESCAPE = re.compile("%(?![0-9a-fA-F]{2})")
_TRACING_ID = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True, slots=True)
class Call:
    """A call on its way to a job."""

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
        """The method; WebSockets begin as GET."""
        return str(self.scope.get("method", "GET"))

    @property
    def query(self) -> str:
        """The query with its question mark, byte for byte; empty when there is none."""
        query: bytes = self.scope["query_string"]
        return f"?{query.decode('latin-1')}" if query else ""

    @property
    def prefix(self) -> str:
        """The part of the caller's path that stands before the job's own."""
        return self.raw_path.removesuffix(self.job.path).rstrip("/")

    @property
    def question(self) -> Question:
        """What Lifecycle must allow."""
        return Question(self.job, self.token, {self.tracing_header: self.tracing_id})

    def __str__(self) -> str:
        return f"{self.method} {self.raw_path[:2000]}"


def read_call(scope: Scope, receive: Receive, send: Send, config: Config) -> Call | None:
    """Read a request's head; None when it is not for a job."""
    raw_path = _read_path(scope)
    job = parse_job_path(raw_path, f"/{config.service_name}")
    if job is None:
        return None
    headers: Headers = scope["headers"]
    tracing_id = find_header(headers, config.request_tracing_header.lower().encode())
    if not _TRACING_ID.fullmatch(tracing_id):
        tracing_id = _make_tracing_id()
    token = find_token(headers)
    if not token and _is_preflight(scope):
        token = config.lifecycle_auth_token.get_secret_value()
    return Call(
        scope, receive, send, job, raw_path, tracing_id, token, config.request_tracing_header
    )


def find_token(headers: Headers) -> str:
    """Return the first token of header and cookie, name by name in the contract's order; empty when there is none."""
    for name in AUTH_NAMES:
        token = find_header(headers, name.encode()) or _find_cookie(headers, name)
        if token:
            # Anything else can be no token, and must not become part of another request's head.
            return token if token.isascii() and token.isprintable() else ""
    return ""


def find_header(headers: Headers, name: bytes) -> str:
    """Return a header by its lower-case name; empty when it is absent."""
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return ""


def remove_auth_cookies(cookie: bytes) -> bytes:
    """Leave out the cookies that hold tokens."""
    kept = [part for part in cookie.split(b";") if _cookie_name(part) not in AUTH_NAMES]
    return b";".join(kept).strip()


def _make_tracing_id() -> str:
    # As unique as uuid4(), and not secret: asking the system for randomness would cost more than routing the call.
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def _read_path(scope: Scope) -> str:
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    # Some servers leave the query in; bytes that no URL may hold get the escapes they should have had.
    return quote(raw.partition(b"?")[0], safe="%/:@!$&'()*+,;=-._~[]|^`{}\"<>\\")


def _is_preflight(scope: Scope) -> bool:
    """Browsers ask jobs with OPTIONS, without a token, whether pages of other sites may call them."""
    headers: Headers = scope["headers"]
    return (
        scope.get("method") == "OPTIONS"
        and bool(find_header(headers, b"origin"))
        and bool(find_header(headers, b"access-control-request-method"))
        and not find_header(headers, b"content-length")
        and not find_header(headers, b"transfer-encoding")
    )


def _find_cookie(headers: Headers, name: str) -> str:
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
