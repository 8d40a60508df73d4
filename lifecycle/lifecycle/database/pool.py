"""A pool of connections that knows how long threads wait for one."""

import threading
import time

from sqlalchemy import QueuePool
from sqlalchemy.pool import PoolProxiedConnection


class MeasuredPool(QueuePool):
    """Measures the requests for connections; times are of all requests so far."""

    __module__ = (
        QueuePool.__module__
    )  # SQLAlchemy names the logger by it, and what it logs is its own.

    waiting: int = 0
    """Threads that ask for a connection now."""
    queued: int = 0
    waited_ms: float = 0
    errors: int = 0

    _lock = threading.Lock()

    def connect(self) -> PoolProxiedConnection:
        """Take a connection."""
        began = time.perf_counter()
        is_queued = self._is_exhausted()
        self._note(waiting=1)
        try:
            connection = super().connect()
        except Exception:
            self._note(waiting=-1, errors=1)
            raise
        waited_ms = (time.perf_counter() - began) * 1000
        self._note(waiting=-1, waited_ms=waited_ms, queued=int(is_queued))
        return connection

    def _is_exhausted(self) -> bool:
        return 0 <= self._max_overflow <= self.checkedout() - self.size()

    def _note(self, waiting: int, waited_ms: float = 0, queued: int = 0, errors: int = 0) -> None:
        with self._lock:
            self.waiting += waiting
            self.waited_ms += waited_ms
            self.queued += queued
            self.errors += errors
