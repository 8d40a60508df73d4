"""Connections to jobs: pooled, streaming, and never the reason of a failed call."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDict
from yarl import URL

# Below the time for which jobs keep idle connections open (75 s), so that a call never meets a closing one.
IDLE_SECONDS = 15


@dataclass(frozen=True)
class UpstreamRequest:
    """A call as the job gets it."""

    method: str
    target: str
    """Path and query, with their escapes."""
    headers: list[tuple[str, str]]
    body: AsyncIterator[bytes] | None


class UpstreamClient:
    """Sends calls to jobs."""

    def __init__(self, connect_timeout_seconds: float) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout_seconds),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            read_bufsize=256 * 1024,
        )

    async def send(self, address: str, request: UpstreamRequest) -> aiohttp.ClientResponse:
        """Send a call and return the answer's head; its body is still to be read."""
        return await self._session.request(
            request.method,
            URL(f"http://{address}{request.target}", encoded=True),
            headers=CIMultiDict(request.headers),
            data=request.body,
            allow_redirects=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
