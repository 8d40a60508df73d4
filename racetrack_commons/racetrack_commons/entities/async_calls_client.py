"""The typed client of Lifecycle's API that PUB uses for async calls.

Each method raises LifecycleError when Lifecycle refuses, LifecycleUnreachable when it does not answer.
"""

import asyncio
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter

from racetrack_commons.entities.async_calls import (
    AsyncCallClaim,
    AsyncCallDelivery,
    AsyncCallEnd,
    AsyncCallLease,
    AsyncCallRelease,
    AsyncCallRenewal,
    AsyncCallState,
    AsyncCallStatus,
    AsyncJobCallDto,
    ClaimedAsyncCall,
    HeldAsyncCalls,
    NewAsyncCall,
)
from racetrack_commons.entities.lifecycle_client import LifecycleClient

WRITERS_AT_ONCE = 8
"""The most concurrent writes: when many calls end together, they must not occupy all of Lifecycle's threads."""
_CLAIMED = TypeAdapter(list[ClaimedAsyncCall])


class AsyncCallsClient:
    """Stores async calls in Lifecycle, and leases of the right to run them."""

    def __init__(self, lifecycle: LifecycleClient) -> None:
        self._lifecycle = lifecycle
        self._writing = asyncio.Semaphore(WRITERS_AT_ONCE)

    async def add(
        self, call: AsyncJobCallDto, lease: AsyncCallLease | None, caller: str = ""
    ) -> None:
        """Store a new call; it is committed when this returns."""
        await self._write("POST", "new", NewAsyncCall(call=call, lease=lease, caller=caller))

    async def claim(self, lease: AsyncCallLease, limit: int) -> list[ClaimedAsyncCall]:
        """Claim up to `limit` calls whose lease is free, and return them."""
        claim = AsyncCallClaim(lease=lease, limit=limit)
        return _CLAIMED.validate_json(await self._send("POST", "claim", claim))

    async def renew(self, holders: dict[str, str], seconds: float) -> set[str]:
        """Renew the leases of the calls in `holders`, by id; return the ids of the renewed ones."""
        renewal = AsyncCallRenewal(holders=holders, seconds=seconds)
        answer = await self._send("POST", "renew", renewal)
        return set(HeldAsyncCalls.model_validate_json(answer).call_ids)

    async def release(self, call_id: str, release: AsyncCallRelease) -> None:
        """Give a call back; LifecycleError carries 409 when the holder has lost its lease."""
        await self._write("PUT", f"{_path(call_id)}/release", release)

    async def end(self, call_id: str, end: AsyncCallEnd) -> None:
        """Store the end of a call; LifecycleError carries 409 when the holder has lost its lease."""
        await self._write("PUT", f"{_path(call_id)}/end", end)

    async def get_status(self, call_id: str) -> AsyncCallStatus:
        """Return the status of a call; LifecycleError carries 404 when there is none."""
        answer = await self._send("GET", f"{_path(call_id)}/status")
        return AsyncCallState.model_validate_json(answer).status

    async def get(self, call_id: str) -> AsyncJobCallDto:
        """Return a call with its bodies; LifecycleError carries 404 when there is none."""
        return AsyncJobCallDto.model_validate_json(await self._send("GET", _path(call_id)))

    async def note_delivery(self, call_id: str, forget_after_seconds: float) -> None:
        """Let Lifecycle delete an ended call after the given seconds."""
        delivery = AsyncCallDelivery(forget_after_seconds=forget_after_seconds)
        await self._write("PUT", f"{_path(call_id)}/delivery", delivery)

    async def _write(self, method: str, path: str, body: BaseModel) -> None:
        async with self._writing:
            await self._send(method, path, body)

    async def _send(self, method: str, path: str, body: BaseModel | None = None) -> bytes:
        return await self._lifecycle.request(method, f"job/async/{path}", body)


def _path(call_id: str) -> str:
    return f"call/{quote(call_id, safe='')}"
