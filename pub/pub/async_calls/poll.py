"""Polling: waiting for an async call to complete, at any gateway."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from racetrack_client.log.logs import get_logger
from racetrack_commons.clock import Clock
from racetrack_commons.entities.async_calls import AsyncCallStatus, AsyncJobCallDto
from racetrack_commons.entities.async_calls_client import AsyncCallsClient
from racetrack_commons.entities.lifecycle_client import LifecycleError, LifecycleUnreachable

from pub.config import PubConfig
from pub.routing.resolver import RouteResolver

logger = get_logger(__name__)
# The stream of changes announces completions; these pauses are for announcements that get lost.
_WATCHED_PAUSE_SECONDS = 10.0
_UNWATCHED_PAUSE_SECONDS = 1.0
_ONGOING = AsyncCallStatus.ONGOING


class Completions:
    """The pollers that wait for calls of this gateway's callers to complete, woken by the stream of changes."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def expect(self, call_id: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set whenever the call may have completed, while the block runs."""
        event = asyncio.Event()
        events = self._waiting.setdefault(call_id, set())
        events.add(event)
        try:
            yield event
        finally:
            events.discard(event)
            if not events:
                self._waiting.pop(call_id, None)

    def announce(self, call_id: str) -> None:
        """Wake the pollers of one call."""
        for event in self._waiting.get(call_id, ()):
            event.set()

    def announce_all(self) -> None:
        """Wake all pollers, because announcements may have been missed or the gateway stops."""
        for call_id in self._waiting:
            self.announce(call_id)


@dataclass(frozen=True)
class AsyncCallPoller:
    """Reads the status of calls, and waits for their completion."""

    store: AsyncCallsClient
    completions: Completions
    resolver: RouteResolver
    stopping: asyncio.Event
    config: PubConfig
    clock: Clock

    async def get_status(self, call_id: str) -> AsyncCallStatus:
        """Return the status of a call; raise LifecycleError 404 when it does not exist, or LifecycleUnreachable."""
        return await self.store.get_status(call_id)

    async def wait(self, call_id: str) -> AsyncJobCallDto | None:
        """Return a call once it has completed or failed; None when it has not within `async_poll_seconds`.

        Raises LifecycleError 404 when the call does not exist, LifecycleUnreachable when Lifecycle did not answer in time.
        """
        deadline = self.clock.monotonic() + self.config.async_poll_seconds
        with self.completions.expect(call_id) as completed:
            while True:
                completed.clear()
                status = await self._try_to_read(call_id)
                if status not in (None, _ONGOING):
                    return await self._deliver(call_id)
                left = deadline - self.clock.monotonic()
                if left <= 0 or self.stopping.is_set():
                    break
                await _wait(completed, min(left, self._pause(status)))
        if status is None:
            raise LifecycleUnreachable("Lifecycle does not tell how the call stands")
        return None

    async def _try_to_read(self, call_id: str) -> AsyncCallStatus | None:
        try:
            return await self.store.get_status(call_id)
        except LifecycleUnreachable:
            return None
        except LifecycleError as error:
            if error.status < 500:
                raise
            return None

    def _pause(self, status: AsyncCallStatus | None) -> float:
        is_heard = self.resolver.is_watched and status is not None
        return _WATCHED_PAUSE_SECONDS if is_heard else _UNWATCHED_PAUSE_SECONDS

    async def _deliver(self, call_id: str) -> AsyncJobCallDto:
        call = await self.store.get(call_id)
        try:
            await self.store.note_delivery(call_id, self.config.async_keep_seconds)
        except (LifecycleError, LifecycleUnreachable) as error:
            logger.warning(f"async call {call_id} can't be marked as delivered: {error}")
        return call


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
