"""Waking those who wait for the end of an async call."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


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
