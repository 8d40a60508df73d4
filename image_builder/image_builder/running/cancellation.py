"""Ending a build from outside."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class BuildCancelled(Exception):
    """The build was ended from outside: on request, or because the service stops."""

    def __init__(self) -> None:
        super().__init__("the build was cancelled")


class Cancellation:
    """Tells one build to end, and ends what it waits for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._interrupts: list[Callable[[], None]] = []

    @property
    def is_cancelled(self) -> bool:
        """Whether the build shall end."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Tell the build to end and interrupt what it waits for; harmless when repeated."""
        with self._lock:
            self._cancelled.set()
            interrupts = list(self._interrupts)
        for interrupt in interrupts:
            interrupt()

    def check(self) -> None:
        """Raise BuildCancelled once the build shall end."""
        if self._cancelled.is_set():
            raise BuildCancelled

    def wait(self, seconds: float) -> None:
        """Wait so long; BuildCancelled as soon as the build shall end."""
        self._cancelled.wait(seconds)
        self.check()

    @contextmanager
    def interrupting(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """Call `interrupt` when the build is cancelled inside the block; BuildCancelled after it."""
        with self._lock:
            self._interrupts.append(interrupt)
            already_cancelled = self._cancelled.is_set()
        if already_cancelled:
            interrupt()
        try:
            yield
        finally:
            with self._lock:
                self._interrupts.remove(interrupt)
        self.check()
