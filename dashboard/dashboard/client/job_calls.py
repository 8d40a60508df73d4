"""Calls of jobs through PUB, with the session by which the visitor may call jobs; answers are bounded."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlencode

import httpx
from racetrack_commons.auth.token import AUTH_HEADER

_MOST_BYTES = 1024 * 1024
_LONGEST_SECONDS = 120


@dataclass
class JobNotCalled(Exception):
    """A call could not be made, or gave no answer; the text is meant for people."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True)
class JobRequest:
    """A request to a job, below its address."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""
    body: str | None = None


@dataclass(frozen=True)
class JobAnswer:
    """The answer of a job."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes
    is_cut: bool
    """True if there was more than what is kept."""
    seconds: float

    @property
    def content_type(self) -> str:
        """The type of the body, in lower case and without parameters."""
        given = next((value for name, value in self.headers if name.lower() == "content-type"), "")
        return given.partition(";")[0].strip().lower()

    def read_text(self) -> str:
        """Return the body as text; what is no UTF-8 is replaced."""
        return self.body.decode(errors="replace")

    def read_json(self) -> Any:
        """Return the body as JSON; raises ValueError."""
        try:
            return json.loads(self.body)
        except RecursionError as error:
            raise ValueError("the JSON is nested too deeply") from error


@dataclass(frozen=True)
class JobCaller:
    """Calls one job for one visitor."""

    http: httpx.AsyncClient
    pub_url: str
    """The URL of PUB, as the dashboard reaches it."""
    name: str
    version: str
    session: str = field(repr=False)

    async def call(
        self, request: JobRequest, timeout_seconds: float = _LONGEST_SECONDS
    ) -> JobAnswer:
        """Return the answer to a request; raises JobNotCalled."""
        check_path(request.path)
        headers = {AUTH_HEADER: self.session}
        if request.body is not None and request.content_type:
            headers["Content-Type"] = request.content_type
        outgoing = self.http.build_request(
            request.method,
            self._make_url(request),
            headers=headers,
            content=request.body,
            timeout=httpx.Timeout(timeout_seconds, connect=5),
        )
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._send(outgoing)
        except TimeoutError as error:
            raise JobNotCalled(f"no answer within {timeout_seconds:g} s") from error
        except httpx.RequestError as error:
            raise JobNotCalled(f"the gateway does not answer now ({error})") from error

    async def _send(self, request: httpx.Request) -> JobAnswer:
        started = time.monotonic()
        response = await self.http.send(request, stream=True)
        body = bytearray()
        try:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _MOST_BYTES:
                    break
        finally:
            await response.aclose()
        seconds = time.monotonic() - started
        headers = list(response.headers.multi_items())
        kept, is_cut = bytes(body[:_MOST_BYTES]), len(body) > _MOST_BYTES
        return JobAnswer(
            response.status_code, response.reason_phrase, headers, kept, is_cut, seconds
        )

    def _make_url(self, request: JobRequest) -> str:
        place = f"job/{quote(self.name, safe='')}/{quote(self.version, safe='')}"
        query = f"?{urlencode(request.query)}" if request.query else ""
        return f"{self.pub_url.rstrip('/')}/{place}{request.path}{query}"


def check_path(path: str) -> None:
    """Refuse paths that lead out of the job: a job's own document names them, and the visitor's session is sent there."""
    segments = unquote(unquote(path)).replace("\\", "/").split("/")
    if not path.startswith("/") or not {".", ".."}.isdisjoint(segments) or "?" in path:
        raise JobNotCalled(f"the job's document names {path!r}, which is no path below the job")
    if "#" in path or not path.isprintable() or "@" in segments[0]:
        raise JobNotCalled(f"the job's document names {path!r}, which is no path below the job")
