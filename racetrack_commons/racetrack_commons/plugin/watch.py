"""Noticing that another process changed the plugins."""

import threading
from collections.abc import Callable

from racetrack_client.log.logs import get_logger

from racetrack_commons.clock import Clock

logger = get_logger(__name__)

# Reading one tiny file costs less than a watcher of the file system, and works on network volumes.
POLL_SECONDS = 0.5


class ChangeWatcher:
    """A thread that calls back whenever a number changes."""

    def __init__(
        self, read_number: Callable[[], int], on_change: Callable[[int], None], clock: Clock
    ) -> None:
        self._read_number = read_number
        self._on_change = on_change
        self._clock = clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="plugin-watcher", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking; returns when a running callback has ended."""
        self._stopping.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while not self._clock.wait(self._stopping, POLL_SECONDS):
            try:
                self._on_change(self._read_number())
            except Exception as e:
                logger.error(f"reloading plugins failed: {e}", exc_info=e)
