"""The HTTP client for jobs: connections are pooled, bodies stream; no redirects, decoding or cookies.

Its errors are the ways in which a job fails to answer; their texts are shown to callers and hold no addresses.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from pub.proxy.proven import NotProvenYet, ProvenConnector, Unproven

Opened = TypeVar("Opened")
# Shorter than the keep-alive of any common server (gunicorn 2 s, others 5 s and more): no call meets a connection being closed.
IDLE_SECONDS = 1.5
JOB_HEADER = "X-Racetrack-Job"
"""The header that names the called job, `<name> <version>`; in a refusal of a job wrapper it names the refusing job."""
REFUSALS = {
    421,  # by another job
    401,  # by another instance, which knows another secret
}
"""The statuses of refusals; a job may use them for its own purposes, but only the job wrapper adds the header."""
DNS_SECONDS = 2
LONGEST_HEADER_BYTES = 64 * 1024
# aiohttp never repeats these methods: for them, the middleware against repetition would only cost time.
_NEVER_REPEATED = {"POST", "PATCH"}
_AIOHTTP_ADDS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class UpstreamError(Exception):
    """The job did not answer."""

    text = "connection broken to a target job"
    is_unsent = False
    """True if the job can't have seen any of the call, and the whole call can be sent again."""


class ConnectionRefused(UpstreamError):
    """No process listens at the job's address."""

    text = "connection refused to a target job"
    is_unsent = True


class ConnectionTimedOut(UpstreamError):
    """The machine of the job did not react in time."""

    text = "connecting to a target job timed out"
    is_unsent = True


class Misdirected(UpstreamError):
    """Another program has taken over the address: it has not proven to be the job, or it is a job that refused the call."""

    text = "another program answers where a target job was"

    def __init__(self, *, is_unsent: bool) -> None:
        super().__init__()
        self.is_unsent = is_unsent


class ConnectionBroken(UpstreamError):
    """The connection ended before the answer was complete."""


class AnswerInvalid(ConnectionBroken):
    """The answer breaks the rules of HTTP."""


class ResponseTimedOut(UpstreamError):
    """The job took too long to begin its answer."""

    text = "request to a job timed out"


class HandshakeRefused(Exception):
    """The job answered a WebSocket's handshake with a plain status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """A call as it is sent to the job."""

    method: str
    target: str
    """The path and query, with their escapes."""
    headers: list[tuple[str, str]]
    body: bytes | AsyncIterator[bytes] | None


class UpstreamResponse:
    """The head of a job's answer, whose body is still to be read."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = response.raw_headers

    async def read(self) -> tuple[bytes, bool]:
        """Wait for the next chunk of the body; return it, and whether it was the last."""
        content = self._response.content
        try:
            return await content.readany(), content.at_eof()
        except (aiohttp.ClientError, OSError) as error:
            raise _translate(error) from error

    def close(self) -> None:
        """Return the connection to the pool, or close it when the body was not read to its end."""
        self._response.release()


class UpstreamClient:
    """Sends calls to jobs over pooled connections."""

    def __init__(
        self,
        connect_timeout_seconds: float,
        response_timeout_seconds: float | None = None,
        max_message_bytes: int = 16 * 1024**2,
    ) -> None:
        self.max_message_bytes = max_message_bytes
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout_seconds)
        self._response_timeout_seconds = response_timeout_seconds
        self._open_session: aiohttp.ClientSession | None = None

    async def send(self, address: str, request: UpstreamRequest) -> UpstreamResponse:
        """Send a call and return the head of the answer; raise UpstreamError when the job does not answer."""
        answer = self._session().request(
            request.method,
            URL(f"http://{address}{request.target}", encoded=True),
            headers=CIMultiDict(request.headers),
            data=request.body,
            allow_redirects=False,
            middlewares=() if request.method in _NEVER_REPEATED else _SEND_ONCE,
        )
        response = await self._open(address, answer)
        if _is_misdirected(response.status, response.headers):
            response.release()
            raise Misdirected(is_unsent=isinstance(request.body, bytes | None))
        return UpstreamResponse(response)

    async def open_websocket(
        self, address: str, target: str, headers: list[tuple[str, str]], protocols: list[str]
    ) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket; raise HandshakeRefused when the job answers with a plain status, or UpstreamError."""
        handshake = self._session().ws_connect(
            URL(f"http://{address}{target}", encoded=True),
            headers=CIMultiDict(headers),
            protocols=protocols,
            max_msg_size=self.max_message_bytes + 1,  # It is the size that is refused.
        )
        return await self._open(address, handshake)

    async def close(self) -> None:
        """Close the pool and its connections."""
        if self._open_session is not None:
            await self._open_session.close()

    def _session(self) -> aiohttp.ClientSession:
        if self._open_session is None:
            self._open_session = aiohttp.ClientSession(
                connector=ProvenConnector(
                    limit=0, keepalive_timeout=IDLE_SECONDS, ttl_dns_cache=DNS_SECONDS
                ),
                timeout=self._timeout,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_AIOHTTP_ADDS,
                read_bufsize=256 * 1024,
                max_line_size=LONGEST_HEADER_BYTES,
                max_field_size=LONGEST_HEADER_BYTES,
                middlewares=_SEND_ONCE,
            )
        return self._open_session

    async def _open(self, address: str, opening: Awaitable[Opened]) -> Opened:
        """Await an answer within the response timeout; translate the errors of aiohttp."""
        try:
            if self._response_timeout_seconds is None:
                return await opening
            async with asyncio.timeout(self._response_timeout_seconds):
                return await opening
        except aiohttp.WSServerHandshakeError as error:
            if _is_misdirected(error.status, error.headers or {}):
                raise Misdirected(is_unsent=True) from error
            raise HandshakeRefused(error.status) from error
        except UpstreamError as problem:
            self._forget_if_unreached(problem, address)
            raise
        except (aiohttp.ClientError, OSError) as error:
            translated = _translate(error)
            self._forget_if_unreached(translated, address)
            raise translated from error

    def _forget_if_unreached(self, problem: UpstreamError, address: str) -> None:
        """Drop the cached DNS entry of an unreachable address: the name may belong to another container now."""
        if not problem.is_unsent:
            return
        connector = self._session().connector
        host, _, port = address.rpartition(":")
        if isinstance(connector, aiohttp.TCPConnector) and port.isdigit():
            connector.clear_dns_cache(host, int(port))


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Translate errors before aiohttp sees them: it would repeat the call, which only JobConnector may decide."""
    try:
        return await handler(request)
    except (aiohttp.ClientError, OSError) as error:
        raise _translate(error) from error


_SEND_ONCE = (_send_once,)


def _is_misdirected(status: int, headers: Mapping[str, str]) -> bool:
    return status in REFUSALS and JOB_HEADER in headers


def _translate(error: Exception) -> UpstreamError:
    if isinstance(error, Unproven):
        return Misdirected(is_unsent=True)
    if isinstance(error, NotProvenYet):
        return ConnectionRefused()
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return ConnectionTimedOut()
    if isinstance(error, TimeoutError):
        return ResponseTimedOut()
    if isinstance(error, aiohttp.ClientConnectorError):
        return ConnectionRefused()
    return ConnectionBroken()
