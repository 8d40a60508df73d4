"""What the user sees while a deployment runs."""

import time
from collections.abc import Callable
from typing import Any, TextIO


class Progress:
    """Shows the phase and the elapsed time of a deployment.

    On a terminal this is one live line; elsewhere each phase gets a line.
    """

    def __init__(self, stream: TextIO, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._is_live = stream.isatty()
        self._monotonic = monotonic
        self._started = monotonic()
        self._phase = ""
        self._warnings = ""

    @property
    def elapsed_seconds(self) -> float:
        """Seconds since the start."""
        return self._monotonic() - self._started

    def update(self, deployment: dict[str, Any]) -> None:
        """Take in a newer state of the deployment."""
        warnings = deployment.get("warnings") or self._warnings
        if warnings != self._warnings:
            self.clear()
            self._write(f"warning: {warnings.removeprefix(self._warnings).strip()}\n")
            self._warnings = warnings
        phase = deployment.get("phase") or self._phase
        if self._is_live:
            self._write(f"\r\033[2K[{self.elapsed_seconds:5.1f} s] {phase or 'submitted'}")
        elif phase != self._phase:
            self._write(f"[{self.elapsed_seconds:5.1f} s] {phase}\n")
        self._phase = phase

    def write_through(self, text: str) -> None:
        """Write lines that stay, in place of the live line."""
        self.clear()
        self._write(text)

    def clear(self) -> None:
        """Take the live line away."""
        if self._is_live:
            self._write("\r\033[2K")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
