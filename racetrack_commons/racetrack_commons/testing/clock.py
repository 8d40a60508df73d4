"""A clock that tests advance by hand."""

import threading
from datetime import UTC, datetime, timedelta

from racetrack_commons.clock import Clock

_START = datetime(2026, 1, 31, 12, tzinfo=UTC)


class FakeClock(Clock):
    """A clock whose time passes only by `advance`, `sleep` and `wait`."""

    def __init__(self, start: datetime = _START) -> None:
        self._lock = threading.Lock()
        self._start = start
        self._elapsed_seconds = 0.0
        self.sleeps: list[float] = []
        """Every sleep and wait so far, in seconds."""

    def now(self) -> datetime:
        """Return the current time of this clock."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return the seconds since the clock was created."""
        with self._lock:
            return self._elapsed_seconds

    def advance(self, seconds: float) -> None:
        """Advance the clock."""
        with self._lock:
            self._elapsed_seconds += max(0.0, seconds)

    def sleep(self, seconds: float) -> None:
        """Advance the clock without waiting."""
        self.sleeps.append(seconds)
        self.advance(seconds)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Advance the clock without waiting, unless the event is set; return whether it is set."""
        if not event.is_set():
            self.sleep(seconds)
        return event.is_set()
