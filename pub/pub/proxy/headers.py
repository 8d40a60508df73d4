"""The rules for headers in both directions: which pass, which are dropped, and which the gateway sets."""

import re
from typing import Protocol
from urllib.parse import urlsplit

from racetrack_commons.auth.instance_proof import (
    CHALLENGE_HEADER,
    PROOF_HEADER,
    SECRET_HEADER,
    SERVICE_HEADER,
)

from pub.proxy.call import Call
from pub.proxy.cookies import (
    AUTH_NAMES,
    Headers,
    confine_job_cookie,
    read_header,
    remove_auth_cookies,
)
from pub.proxy.upstream import JOB_HEADER
from pub.routing.route import Route

_HOP_BY_HOP = {
    b"connection",
    b"keep-alive",
    b"proxy-connection",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}
_OF_PROOFS = {
    name.lower().encode()
    for name in (SECRET_HEADER, SERVICE_HEADER, CHALLENGE_HEADER, PROOF_HEADER)
}
_NEVER_TO_JOBS = (
    _HOP_BY_HOP
    | {name.encode() for name in AUTH_NAMES}
    | {
        b"host",
        b"expect",  # the gateway has answered it
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x-forwarded-prefix",
        b"x-racetrack-gateway-token",
        b"x-racetrack-job-internal-name",
        JOB_HEADER.lower().encode(),
    }
    | _OF_PROOFS
)
# By these, a page of one job would decide about all pages of the host: those of other jobs, and perhaps the admin panel.
_OF_WHOLE_HOSTS = {
    b"accept-ch",
    b"alt-svc",
    b"clear-site-data",
    b"expect-ct",
    b"nel",
    b"origin-agent-cluster",
    b"public-key-pins",
    b"public-key-pins-report-only",
    b"report-to",
    b"service-worker-allowed",
    b"set-login",
    b"strict-transport-security",
}
# The server sets the date of each answer itself.
_NEVER_TO_CALLERS = _HOP_BY_HOP | _OF_PROOFS | _OF_WHOLE_HOSTS | {b"date"}
_BODILESS = {204, 304}
_LENGTH = b"content-length"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class ReceivedAnswer(Protocol):
    """The head of a job's answer."""

    @property
    def status(self) -> int:
        """The status."""

    @property
    def headers(self) -> Headers:
        """The headers."""


class HeaderRules:
    """Makes the headers for jobs and callers; the settings name the tracing header and the caller header."""

    def __init__(self, tracing_header: str, caller_header: str) -> None:
        self._tracing_header = tracing_header
        self._caller_header = caller_header
        self._tracing_name = tracing_header.lower().encode()
        own = {self._tracing_name, caller_header.lower().encode()}
        self._never_to_jobs = _NEVER_TO_JOBS | own
        self._never_to_callers = _NEVER_TO_CALLERS | {self._tracing_name}

    def to_job(self, call: Call, route: Route) -> list[tuple[str, str]]:
        """Make the headers of the request to the job, as text.

        Tokens and the caller's claims about itself are dropped; the authorized caller and forwarding headers are added.
        """
        fields = self.to_job_in_bytes(call, route)
        return [(name.decode("latin-1"), _decode(value)) for name, value in fields]

    def to_job_in_bytes(self, call: Call, route: Route) -> list[tuple[bytes, bytes]]:
        """Make the headers of the request to the job; the caller's own stay as they are, byte for byte."""
        headers = call.headers
        left_out = self._never_to_jobs | _named_by_connection(headers)
        passed = []
        for name, value in headers:
            if name in left_out or (
                b"_" in name and name.replace(b"_", b"-") in (*left_out, _LENGTH)
            ):
                continue  # WSGI servers treat underscores in names as hyphens.
            if name != b"cookie":
                passed.append((name, value))
            elif kept := remove_auth_cookies(value):
                passed.append((name, kept))
        passed += [(name.encode(), value.encode("latin-1")) for name, value in _forwarded(call)]
        passed.append((self._tracing_header.encode(), call.tracing_id.encode()))
        passed.append((JOB_HEADER.encode(), f"{route.name} {route.version}".encode()))
        if route.caller:
            # A name could be chosen such that it reads like further headers.
            caller = _CONTROL.sub("?", route.caller)
            passed.append((self._caller_header.encode(), caller.encode()))
        return passed

    def show_secret(self, headers: list[tuple[str, str]], route: Route) -> list[tuple[str, str]]:
        """Add the secret of the route to the headers for a job, which are not to be stored with it."""
        return headers if route.secret is None else [*headers, (SECRET_HEADER, route.secret)]

    def show_secret_in_bytes(
        self, headers: list[tuple[bytes, bytes]], route: Route
    ) -> list[tuple[bytes, bytes]]:
        """Add the secret of the route to the headers for a job."""
        if route.secret is None:
            return headers
        return [*headers, (SECRET_HEADER.encode(), route.secret.encode())]

    def to_caller(
        self, response: ReceivedAnswer, address: str, tracing_id: str
    ) -> list[tuple[bytes, bytes]]:
        """Make the headers of the answer to the caller.

        Redirects to the job's own address become relative; what concerns the whole host is dropped.
        """
        headers = [(name.lower(), value) for name, value in response.headers]
        left_out = self._never_to_callers | _named_by_connection(headers)
        if response.status in _BODILESS:
            # Such an answer tells the length of another one, but the server would insist on that many bytes.
            left_out |= {_LENGTH}
        passed = []
        for name, value in headers:
            if name in left_out:
                continue
            if name == b"location":
                passed.append((name, _relative(value, address)))
            elif name != b"set-cookie":
                passed.append((name, value))
            elif kept := confine_job_cookie(value):
                passed.append((name, kept))
        passed.append((self._tracing_name, tracing_id.encode()))
        return passed


def job_target(call: Call, route: Route) -> str:
    """Return the path and query for the job: its exact version, the rest as the caller wrote it."""
    return f"/pub/job/{route.name}/{route.version}{call.job.path}{call.query}"


def _forwarded(call: Call) -> list[tuple[str, str]]:
    headers, client = call.headers, call.scope.get("client")
    before = [value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for"]
    scheme = call.scope["scheme"].replace("ws", "http")
    return [
        ("X-Forwarded-For", ", ".join([*before, client[0] if client else "unknown"])),
        (
            "X-Forwarded-Host",
            read_header(headers, b"x-forwarded-host") or read_header(headers, b"host"),
        ),
        ("X-Forwarded-Proto", read_header(headers, b"x-forwarded-proto") or scheme),
        ("X-Forwarded-Prefix", call.prefix),
    ]


def _named_by_connection(headers: Headers) -> set[bytes]:
    """Return the headers that concern the connection. The length never does: without it, a body would be read as a request."""
    named = {
        part.strip().lower()
        for name, value in headers
        if name == b"connection"
        for part in value.split(b",")
    }
    return named - {_LENGTH}


def _decode(value: bytes) -> str:
    """Decode a header for the HTTP client, which encodes as UTF-8; other encodings are read as Latin-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _relative(location: bytes, address: str) -> bytes:
    parts = urlsplit(location.decode("latin-1"))
    if parts.netloc.lower() != address.lower():
        return location
    relative = parts._replace(scheme="", netloc="").geturl() or "/"
    return relative.encode("latin-1")
