"""Time and waiting; tests replace the clock by one of their own."""

import threading
import time
from datetime import UTC, datetime


class Clock:
    """The machine's clock; its methods may be called from any thread."""

    def now(self) -> datetime:
        """Return the current time in UTC, timezone-aware."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never run backward."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block the calling thread for the given seconds."""
        time.sleep(max(0.0, seconds))

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Block until the event is set, at most for the given seconds; return whether it is set."""
        return event.wait(max(0.0, seconds))
