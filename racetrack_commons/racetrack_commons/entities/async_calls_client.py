"""Typed client of Lifecycle's routes of async calls, as the gateway uses them.

Every method raises LifecycleError when Lifecycle refuses, and LifecycleUnreachable when it does not answer.
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
    ClaimedAsyncCall,
    HeldAsyncCalls,
    NewAsyncCall,
)
from racetrack_commons.entities.dto import AsyncCallStatus, AsyncJobCallDto
from racetrack_commons.entities.lifecycle_client import LifecycleClient

WRITERS_AT_ONCE = 8
"""When many calls end at the same moment, Lifecycle's threads are not all for us."""
_CLAIMED = TypeAdapter(list[ClaimedAsyncCall])


class AsyncCallsClient:
    """Keeps async calls in Lifecycle."""

    def __init__(self, lifecycle: LifecycleClient) -> None:
        self._lifecycle = lifecycle
        self._writing = asyncio.Semaphore(WRITERS_AT_ONCE)

    async def add(self, call: AsyncJobCallDto, lease: AsyncCallLease | None) -> None:
        """Keep a new call; once this returns it is committed."""
        await self._write("POST", "new", NewAsyncCall(call=call, lease=lease))

    async def claim(self, lease: AsyncCallLease, limit: int) -> list[ClaimedAsyncCall]:
        """Take calls that nobody runs."""
        claim = AsyncCallClaim(lease=lease, limit=limit)
        return _CLAIMED.validate_json(await self._send("POST", "claim", claim))

    async def renew(self, holders: dict[str, str], seconds: float) -> set[str]:
        """Keep leases alive, given by the calls' ids; return the ids of those that still are."""
        renewal = AsyncCallRenewal(holders=holders, seconds=seconds)
        answer = await self._send("POST", "renew", renewal)
        return set(HeldAsyncCalls.model_validate_json(answer).call_ids)

    async def release(self, call_id: str, release: AsyncCallRelease) -> None:
        """Give a call back; 409 when it is not the holder's any more."""
        await self._write("PUT", f"{_path(call_id)}/release", release)

    async def end(self, call_id: str, end: AsyncCallEnd) -> None:
        """Keep what became of a call; 409 when it is not the holder's any more."""
        await self._write("PUT", f"{_path(call_id)}/end", end)

    async def get_status(self, call_id: str) -> AsyncCallStatus:
        """Tell how a call stands; 404 when there is none."""
        answer = await self._send("GET", f"{_path(call_id)}/status")
        return AsyncCallState.model_validate_json(answer).status

    async def get(self, call_id: str) -> AsyncJobCallDto:
        """Return a call with its bodies; 404 when there is none."""
        return AsyncJobCallDto.model_validate_json(await self._send("GET", _path(call_id)))

    async def note_delivery(self, call_id: str, forget_after_seconds: float) -> None:
        """Let a call that has ended be forgotten in a while."""
        delivery = AsyncCallDelivery(forget_after_seconds=forget_after_seconds)
        await self._write("PUT", f"{_path(call_id)}/delivery", delivery)

    async def _write(self, method: str, path: str, body: BaseModel) -> None:
        async with self._writing:
            await self._send(method, path, body)

    async def _send(self, method: str, path: str, body: BaseModel | None = None) -> bytes:
        return await self._lifecycle.request(method, f"job/async/{path}", body)


def _path(call_id: str) -> str:
    return f"call/{quote(call_id, safe='')}"
