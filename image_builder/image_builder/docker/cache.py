"""Removing old build cache of the engine, in the background.

The engine has one cache for all who build on it, and says of its entries only when they were used last.
"""

import threading
from dataclasses import dataclass, field

from racetrack_client.log.logs import get_logger
from racetrack_commons.clock import Clock

from image_builder.docker.engine import DockerEngine
from image_builder.running.command import CommandFailed

logger = get_logger(__name__)


@dataclass(frozen=True)
class CachePruning:
    """Looks for old cache again and again."""

    engine: DockerEngine
    retention_hours: int
    """Cache that a build used later stays."""
    interval_minutes: float
    clock: Clock = field(default_factory=Clock)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin; the first time comes after one interval."""
        threading.Thread(target=self._run, name="cache pruning", daemon=True).start()

    def stop(self) -> None:
        """Do not begin again."""
        self._stopped.set()

    def _run(self) -> None:
        while not self.clock.wait(self._stopped, self.interval_minutes * 60):
            try:
                self.engine.prune_cache(self.retention_hours)
            except CommandFailed as error:
                logger.warning(f"old build cache can't be removed now: {error}")
