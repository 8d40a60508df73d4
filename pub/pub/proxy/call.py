"""One call, read from the head of a request: its job path, the caller's token and a tracing id."""

import random
import re
import uuid
from dataclasses import dataclass, field
from urllib.parse import quote

from starlette.types import Receive, Scope, Send

from pub.config import PubConfig
from pub.proxy.cookies import Headers, read_header, read_token
from pub.routing.route import JobPath, RouteQuery, parse_job_path

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
    token = read_token(scope)
    if not token and _is_preflight(scope):
        token = config.lifecycle_auth_token.get_secret_value()
    return Call(
        scope, receive, send, job, raw_path, tracing_id, token, config.request_tracing_header
    )


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
