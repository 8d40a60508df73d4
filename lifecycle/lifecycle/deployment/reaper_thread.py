"""The reaper at work in the background."""

import threading

from racetrack_client.log.logs import get_logger

from lifecycle.deployment.reaper import InstanceReaper

logger = get_logger(__name__)

_STOP_SECONDS = 2


class ReaperThread:
    """Looks every second for instances to stop."""

    def __init__(self, reaper: InstanceReaper, poll_seconds: float = 1) -> None:
        self._reaper = reaper
        self._poll_seconds = poll_seconds
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reaper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    def stop(self) -> None:
        """End, after what is being stopped right now."""
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                self._reaper.run_once()
            except Exception as error:  # noqa: BLE001 - the loop must survive a database that is away
                logger.warning(f"looking for drained instances failed: {error}")
            self._wake.wait(self._poll_seconds)
