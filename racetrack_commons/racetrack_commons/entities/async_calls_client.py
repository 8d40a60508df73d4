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
    AsyncCallRelease,
    AsyncCallRenewal,
    AsyncCallState,
    AsyncCallStatus,
    AsyncCallVisitor,
    AsyncJobCallDto,
    ClaimedAsyncCall,
    HeldAsyncCalls,
    NewAsyncCall,
    OwnAsyncCalls,
    OwnAsyncCallsQuery,
    StartedAsyncCall,
)
from racetrack_commons.entities.lifecycle_client import LifecycleClient

WRITERS_AT_ONCE = 8
"""The most concurrent writes: when many calls end together, they must not occupy all of Lifecycle's threads."""
_CLAIMED = TypeAdapter(list[ClaimedAsyncCall])
_STARTED = TypeAdapter(StartedAsyncCall | None)  # An older Lifecycle tells nothing.


class AsyncCallsClient:
    """Stores async calls in Lifecycle, and leases of the right to run them."""

    def __init__(self, lifecycle: LifecycleClient) -> None:
        self._lifecycle = lifecycle
        self._writing = asyncio.Semaphore(WRITERS_AT_ONCE)

    async def add(self, new: NewAsyncCall) -> str:
        """Store a new call, which is committed when this returns; return its id, or that of the call with the same key.

        LifecycleError carries 409 when the key was used for another request.
        """
        started = _STARTED.validate_json(await self._write("POST", "new", new))
        return started.call_id if started else new.call.id

    async def claim(self, claim: AsyncCallClaim) -> list[ClaimedAsyncCall]:
        """Claim calls whose lease is free, jobs in turns, and return them."""
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

    async def read_own(self, query: OwnAsyncCallsQuery) -> OwnAsyncCalls:
        """Return a page of a caller's calls; LifecycleError carries 401 when the token is not valid."""
        return OwnAsyncCalls.model_validate_json(await self._send("POST", "own", query))

    async def check_visitor(self, call_id: str, visitor: AsyncCallVisitor) -> None:
        """Check that the visitor started the call, or administers the platform.

        LifecycleError carries 401 when the token is not valid, 404 when the call is another caller's, or not there.
        """
        await self._send("POST", f"{_path(call_id)}/visit", visitor)

    async def cancel(self, call_id: str, visitor: AsyncCallVisitor) -> AsyncCallStatus:
        """End a call of the visitor; return its status. LifecycleError carries the same as of `check_visitor`."""
        answer = await self._write("PUT", f"{_path(call_id)}/cancel", visitor)
        return AsyncCallState.model_validate_json(answer).status

    async def _write(self, method: str, path: str, body: BaseModel) -> bytes:
        async with self._writing:
            return await self._send(method, path, body)

    async def _send(self, method: str, path: str, body: BaseModel | None = None) -> bytes:
        return await self._lifecycle.request(method, f"job/async/{path}", body)


def _path(call_id: str) -> str:
    return f"call/{quote(call_id, safe='')}"
