"""Callers who ask about async calls that they have started. Lifecycle knows them by their tokens, and decides."""

import re

from racetrack_commons.clock import Clock
from racetrack_commons.entities.async_calls import (
    AsyncCallStatus,
    AsyncCallVisitor,
    OwnAsyncCalls,
    OwnAsyncCallsQuery,
)
from racetrack_commons.entities.async_calls_client import AsyncCallsClient
from racetrack_commons.entities.lifecycle_client import LifecycleError

from pub.routing.unknown_callers import MALFORMED, UnknownCallers, has_shape_of_token

_ID = re.compile(r"[0-9A-Za-z-]{1,36}")


class AsyncCallVisits:
    """Lists, checks and cancels calls on behalf of the callers who visit the gateway.

    Each method raises LifecycleError 401 for a token that is not valid, 404 for a call of another caller, and
    LifecycleUnreachable.
    """

    def __init__(self, store: AsyncCallsClient, clock: Clock) -> None:
        self._store = store
        self._unknown = UnknownCallers(clock)

    async def check(self, call_id: str, token: str) -> None:
        """Check that the holder of the token started the call, or administers the platform."""
        await self._store.check_visitor(call_id, _make_visitor(token))

    async def cancel(self, call_id: str, token: str) -> AsyncCallStatus:
        """End a call, whether it waits or runs; return its status. One that has ended stays as it is."""
        check_id(call_id)
        return await self._store.cancel(call_id, _make_visitor(token))

    async def read_own(self, query: OwnAsyncCallsQuery) -> OwnAsyncCalls:
        """List the calls of a caller, the newest first."""
        asked = query.model_copy(update={"token": _make_visitor(query.token).token})
        # Whoever asks about one call must know its id; a list can be asked for by everyone, with any text as token.
        async with self._unknown.turn(asked.token):
            try:
                return await self._store.read_own(asked)
            except LifecycleError:
                self._unknown.note_refusal()
                raise


def check_id(call_id: str) -> None:
    """Raise LifecycleError 404 for a text that is no id of a call."""
    if not _ID.fullmatch(call_id):
        raise LifecycleError(404, "no such id")


def _make_visitor(token: str) -> AsyncCallVisitor:
    return AsyncCallVisitor(token=token if has_shape_of_token(token) else MALFORMED)
