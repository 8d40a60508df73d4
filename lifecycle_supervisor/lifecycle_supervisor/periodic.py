"""Running periodic tasks, each in its own thread: a task that fails or hangs never delays the others."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter
from racetrack_client.log.logs import get_logger

logger = get_logger(__name__)
STOP_SECONDS = 5
REST_SECONDS = 0.2
"""Seconds between two runs of a task that is woken again and again, as when many jobs change."""


@dataclass(frozen=True)
class PeriodicTask:
    """An action that is repeated at an interval."""

    name: str
    interval_seconds: float
    action: Callable[[], object]
    delay_seconds: float = 0
    """Seconds before the first run, for tasks that need another service, which may be starting, too."""
    woken: threading.Event = field(default_factory=threading.Event)
    """An event that lets the next run begin before its interval is over."""


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
        """Start a thread for each task; the task runs after its delay."""
        for task in self._tasks:
            thread = threading.Thread(
                target=self._repeat, args=(task,), name=task.name, daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Wait up to `STOP_SECONDS` for each running task, and start no further runs."""
        self._stopping.set()
        for task in self._tasks:
            task.woken.set()
        for thread in self._threads:
            thread.join(STOP_SECONDS)

    def run_once(self, task: PeriodicTask) -> None:
        """Run a task once; log and count its exceptions."""
        try:
            task.action()
        except Exception as error:
            self._failures.labels(task.name).inc()
            logger.error(f"task {task.name} failed: {error}", exc_info=error)
        self._runs.labels(task.name).inc()

    def _repeat(self, task: PeriodicTask) -> None:
        self._stopping.wait(task.delay_seconds)
        while not self._stopping.is_set():
            task.woken.clear()
            self.run_once(task)
            rest = min(REST_SECONDS, task.interval_seconds)
            self._stopping.wait(rest)
            task.woken.wait(task.interval_seconds - rest)
