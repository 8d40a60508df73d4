"""What a build has said, for those who listen now and those who come later."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from racetrack_commons.entities.dto import BuildEventKind


@dataclass(frozen=True)
class BuildEvent:
    """One event of a build's stream."""

    kind: BuildEventKind
    data: Any
    """A value that JSON can carry."""


class BuildJournal:
    """The events of one build in their order; the result is the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: list[BuildEvent] = []
        self._listeners: list[Callable[[], None]] = []

    def append(self, event: BuildEvent) -> None:
        """Add an event and tell those who listen."""
        with self._lock:
            self._events.append(event)
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def read_from(self, position: int) -> list[BuildEvent]:
        """Return the events from a position on."""
        with self._lock:
            return self._events[position:]

    def read_log(self) -> str:
        """Return all log lines."""
        with self._lock:
            return "\n".join(e.data for e in self._events if e.kind == BuildEventKind.LOG)

    @contextmanager
    def listening(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call the listener, from whichever thread, after each event that comes inside the block."""
        with self._lock:
            self._listeners.append(listener)
        try:
            yield
        finally:
            with self._lock:
                self._listeners.remove(listener)
