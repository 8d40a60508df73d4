"""Looking again and again whether another process changed the plugins."""

import threading
from collections.abc import Callable

from racetrack_client.log.logs import get_logger

from racetrack_commons.clock import Clock

logger = get_logger(__name__)

# A look at a few files costs less than a watcher of the file system, and works on network volumes.
POLL_SECONDS = 0.5
_STOP_SECONDS = 5


class ChangeWatcher:
    """A thread that looks every half a second; an error is logged and does not end it."""

    def __init__(self, look: Callable[[], None], clock: Clock) -> None:
        self._look = look
        self._clock = clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="plugin-watcher", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking; a look that has begun gets some seconds to end."""
        self._stopping.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while not self._clock.wait(self._stopping, POLL_SECONDS):
            try:
                self._look()
            except Exception as e:
                logger.error(f"reloading plugins failed: {e}", exc_info=e)
