"""Waiting for the end of an async call, at any gateway."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from racetrack_client.log.logs import get_logger
from racetrack_commons.clock import Clock
from racetrack_commons.entities.async_calls_client import AsyncCallsClient
from racetrack_commons.entities.dto import AsyncCallStatus, AsyncJobCallDto
from racetrack_commons.entities.lifecycle_client import LifecycleError, LifecycleUnreachable

from pub.config import Config
from pub.routing.resolver import Answers

logger = get_logger(__name__)
# Ends are announced; looking again is for announcements that get lost.
_WATCHED_PAUSE_SECONDS = 10.0
_UNWATCHED_PAUSE_SECONDS = 1.0
_ONGOING = AsyncCallStatus.ONGOING


class Ends:
    """Who waits for which call."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def expect(self, call_id: str) -> Iterator[asyncio.Event]:
        """Give an event that is set when the call may have ended, as long as the block runs."""
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
        """Wake those who wait for one call."""
        for event in self._waiting.get(call_id, ()):
            event.set()

    def announce_all(self) -> None:
        """Wake everybody: word of an end may have been missed, or waiting is over."""
        for call_id in self._waiting:
            self.announce(call_id)


@dataclass(frozen=True)
class AsyncCallPoller:
    """Reads how calls stand."""

    store: AsyncCallsClient
    ends: Ends
    answers: Answers
    stopping: asyncio.Event
    config: Config
    clock: Clock

    async def get_status(self, call_id: str) -> AsyncCallStatus:
        """Tell how a call stands; LifecycleError 404 when there is none, LifecycleUnreachable."""
        return await self.store.get_status(call_id)

    async def wait(self, call_id: str) -> AsyncJobCallDto | None:
        """Return a call once it has ended, None when it has not in time.

        LifecycleError 404 when there is none; LifecycleUnreachable when nothing could be learned in time.
        """
        deadline = self.clock.monotonic() + self.config.async_poll_seconds
        with self.ends.expect(call_id) as ended:
            while True:
                ended.clear()
                status = await self._try_to_read(call_id)
                if status not in (None, _ONGOING):
                    return await self._deliver(call_id)
                left = deadline - self.clock.monotonic()
                if left <= 0 or self.stopping.is_set():
                    break
                await _wait(ended, min(left, self._pause(status)))
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
        is_heard = self.answers.is_watched and status is not None
        return _WATCHED_PAUSE_SECONDS if is_heard else _UNWATCHED_PAUSE_SECONDS

    async def _deliver(self, call_id: str) -> AsyncJobCallDto:
        call = await self.store.get(call_id)
        try:
            await self.store.note_delivery(call_id, self.config.async_keep_seconds)
        except (LifecycleError, LifecycleUnreachable) as error:
            logger.warning(f"async call {call_id} is kept longer than it must be: {error}")
        return call


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
