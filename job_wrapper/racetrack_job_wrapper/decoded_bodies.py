"""The memory of compressed bodies: a small request takes much of it, so all of a job's together have a bound."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from racetrack_job_wrapper.request import MAX_DECOMPRESSED_BYTES, decode_body

MAX_SUM_BYTES = 4 * MAX_DECOMPRESSED_BYTES
PATIENCE_SECONDS = 30.0


class BodiesTooLarge(Exception):
    """Other calls hold so much that no further compressed body is taken; the answer has status 503."""


class DecodedBodies:
    """Decompresses bodies in other threads, each when there is room for it."""

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._free = MAX_SUM_BYTES
        self._given_back = asyncio.Event()

    @asynccontextmanager
    async def decode(self, body: bytes, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
        """Give the body as it was before compression, and hold its room until the block ends.

        Raises BodiesTooLarge, or what `decode_body` raises.
        """
        await self._take_room()
        held = MAX_DECOMPRESSED_BYTES
        try:
            # On the server's loop, decompression would delay probes.
            whole = await asyncio.to_thread(decode_body, body, headers)
            held = len(whole)
            self._give_back(MAX_DECOMPRESSED_BYTES - held)
            yield whole
        finally:
            self._give_back(held)

    async def _take_room(self) -> None:
        try:
            await asyncio.wait_for(self._wait_for_room(), self._patience_seconds)
        except asyncio.TimeoutError as error:  # noqa: UP041 - Python 3.10 has two classes of this name
            raise BodiesTooLarge(
                f"other calls hold most of the {MAX_SUM_BYTES} bytes that compressed bodies may have together; "
                "call again later"
            ) from error

    async def _wait_for_room(self) -> None:
        while self._free < MAX_DECOMPRESSED_BYTES:
            self._given_back.clear()
            await self._given_back.wait()
        self._free -= MAX_DECOMPRESSED_BYTES

    def _give_back(self, size: int) -> None:
        self._free += size
        self._given_back.set()
