"""A build's events, as server-sent events."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

from racetrack_commons.entities.dto import BuildEventKind

from image_builder.running.journal import BuildEvent, BuildJournal

_HEARTBEAT = "event: keepalive_heartbeat\n\n"


async def stream_events(journal: BuildJournal, heartbeat_seconds: float) -> AsyncIterator[str]:
    """Yield all events from the first on, until the result; heartbeats while nothing happens."""
    loop = asyncio.get_running_loop()
    news = asyncio.Event()

    def wake() -> None:
        # The build goes on after the loop of a stopping service is closed.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(news.set)

    position = 0
    with journal.listening(wake):
        while True:
            news.clear()
            events = journal.read_from(position)
            position += len(events)
            if events:
                yield "".join(_frame(event) for event in events)
                if events[-1].kind == BuildEventKind.RESULT:
                    return
            elif not await _wait(news, heartbeat_seconds):
                yield _HEARTBEAT


async def _wait(news: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(news.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _frame(event: BuildEvent) -> str:
    return f"event: {event.kind}\ndata: {json.dumps(event.data)}\n\n"
