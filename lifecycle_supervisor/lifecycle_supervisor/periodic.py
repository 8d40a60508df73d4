"""Running tasks again and again, each in a thread of its own: one that fails or hangs never holds up the others."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter
from racetrack_client.log.logs import get_logger

logger = get_logger(__name__)
STOP_SECONDS = 5


@dataclass(frozen=True)
class PeriodicTask:
    """Something to do every so many seconds."""

    name: str
    interval_seconds: float
    run: Callable[[], object]
    delay_seconds: float = 0
    """Before it runs first: what needs another service, which may be starting too, can wait."""


class TaskRunner:
    """Runs periodic tasks until it is stopped."""

    def __init__(self, tasks: Sequence[PeriodicTask], registry: CollectorRegistry) -> None:
        self._tasks = tasks
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._runs = Counter("supervisor_task_runs", "Runs of a task", ["task"], registry=registry)
        self._failures = Counter(
            "supervisor_task_failures", "Runs that failed", ["task"], registry=registry
        )

    def start(self) -> None:
        """Begin, each task at once or after its delay."""
        for task in self._tasks:
            thread = threading.Thread(
                target=self._repeat, args=(task,), name=task.name, daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Let running tasks end."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(STOP_SECONDS)

    def run_once(self, task: PeriodicTask) -> None:
        """Run a task; what it raises is logged and counted."""
        try:
            task.run()
        except Exception as error:
            self._failures.labels(task.name).inc()
            logger.error(f"task {task.name} failed: {error}", exc_info=error)
        self._runs.labels(task.name).inc()

    def _repeat(self, task: PeriodicTask) -> None:
        self._stopping.wait(task.delay_seconds)
        while not self._stopping.is_set():
            self.run_once(task)
            self._stopping.wait(task.interval_seconds)
