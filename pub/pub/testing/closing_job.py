"""A job that closes each connection after a second without a request, and counts the calls by their bodies."""

import asyncio
from collections import Counter
from typing import Any

KEEP_ALIVE_SECONDS = 1.0
_ANSWER = b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 2\r\n\r\nok"


class ClosingJob:
    """Serves within an event loop; each call is a POST whose head and body arrive at once."""

    def __init__(self) -> None:
        self.calls: Counter[bytes] = Counter()
        self.closed = 0
        """The number of idle connections that were closed."""
        self.connections: set[asyncio.Transport] = set()
        self.is_without_connections = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Begin to listen, and return the address."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self), "127.0.0.1", 0, backlog=2048
        )
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Close all connections, and listen no more."""
        if self._server is not None:
            self._server.close()
        for transport in self.connections:
            transport.abort()
        if self.connections:
            await self.is_without_connections.wait()


class _Connection(asyncio.Protocol):
    def __init__(self, job: ClosingJob) -> None:
        self._job = job
        self._transport: Any = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._job.connections.add(transport)
        self._job.is_without_connections.clear()

    def data_received(self, data: bytes) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._job.calls[data.partition(b"\r\n\r\n")[2]] += 1
        self._transport.write(_ANSWER)
        self._timer = asyncio.get_running_loop().call_later(KEEP_ALIVE_SECONDS, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._job.connections.discard(self._transport)
        if not self._job.connections:
            self._job.is_without_connections.set()
        if self._timer is not None:
            self._timer.cancel()

    def _close(self) -> None:
        self._job.closed += 1
        self._transport.close()
