"""The pool of database connections, which measures itself, and its metrics under the names that dashboards know."""

import threading
import time
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy import Engine, QueuePool, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.pool import PoolProxiedConnection

_PREFIX = "lifecycle_database"
_TAKEN_AT = "taken_at"


class MeasuredPool(QueuePool):
    """A pool that counts requests for connections and sums up how long they wait."""

    __module__ = (
        QueuePool.__module__
    )  # SQLAlchemy derives the name of the pool's logger from the module.

    waiting: int = 0
    """The number of threads that wait for a connection now."""
    queued: int = 0
    waited_ms: float = 0
    errors: int = 0

    _lock = threading.Lock()

    def connect(self) -> PoolProxiedConnection:
        """Take a connection, and measure how long that takes."""
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


def watch_engine(engine: Engine, registry: CollectorRegistry) -> None:
    """Register the metrics of an engine's connections and pool, and update them from now on."""
    _watch_connections(engine, registry)
    _watch_connecting(engine, registry)
    _watch_use(engine, registry)
    _show_pool(engine, registry)


def _watch_connections(engine: Engine, registry: CollectorRegistry) -> None:
    opened = Counter(f"{_PREFIX}_connection_opened", "Opened connections", registry=registry)
    failed = Counter(f"{_PREFIX}_connection_failed", "Failures to connect", registry=registry)
    errors = Gauge(f"{_PREFIX}_connections_errors", "Failures to connect", registry=registry)
    closed = Counter(
        f"{_PREFIX}_connection_closed", "Connections given back to the pool", registry=registry
    )
    queries = Counter(f"{_PREFIX}_queries_executed", "Executed statements", registry=registry)

    def note_error(context: ExceptionContext) -> None:
        if context.connection is None:
            failed.inc()
            errors.inc()

    event.listen(engine, "connect", lambda *_: opened.inc())
    event.listen(engine, "checkin", lambda *_: closed.inc())
    event.listen(engine, "handle_error", note_error)
    event.listen(engine, "before_cursor_execute", lambda *_: queries.inc())


def _watch_connecting(engine: Engine, registry: CollectorRegistry) -> None:
    attempts = Gauge(f"{_PREFIX}_connections_num", "Attempts to connect", registry=registry)
    duration = Gauge(
        f"{_PREFIX}_connections_ms", "Milliseconds spent connecting", registry=registry
    )
    began = threading.local()

    def begin(*_: Any) -> None:
        attempts.inc()
        began.at = time.perf_counter()

    def end(*_: Any) -> None:
        duration.inc(_milliseconds_since(began.at))

    event.listen(engine, "do_connect", begin)
    event.listen(engine, "connect", end)


def _watch_use(engine: Engine, registry: CollectorRegistry) -> None:
    requests = Gauge(f"{_PREFIX}_requests_num", "Connections asked of the pool", registry=registry)
    usage = Gauge(
        f"{_PREFIX}_usage_ms", "Milliseconds that connections were in use", registry=registry
    )

    def take(_: Any, record: Any, _proxy: Any) -> None:
        requests.inc()
        record.info[_TAKEN_AT] = time.perf_counter()

    def give_back(_: Any, record: Any) -> None:
        taken_at = record.info.pop(_TAKEN_AT, None)
        usage.inc(_milliseconds_since(taken_at) if taken_at else 0)

    event.listen(engine, "checkout", take)
    event.listen(engine, "checkin", give_back)


def _show_pool(engine: Engine, registry: CollectorRegistry) -> None:
    pool = engine.pool
    if not isinstance(pool, MeasuredPool):
        return
    shown = {
        "pool_size": ("Open connections", lambda: pool.checkedin() + pool.checkedout()),
        "pool_available": ("Open connections that are free", pool.checkedin),
        "requests_waiting": ("Threads that wait for a connection", lambda: pool.waiting),
        "requests_queued": ("Requests that had to wait", lambda: pool.queued),
        "requests_wait_ms": ("Milliseconds spent waiting for one", lambda: pool.waited_ms),
        "requests_errors": ("Requests that got no connection", lambda: pool.errors),
    }
    for name, (text, read) in shown.items():
        Gauge(f"{_PREFIX}_{name}", text, registry=registry).set_function(read)


def _milliseconds_since(moment: float) -> float:
    return (time.perf_counter() - moment) * 1000
