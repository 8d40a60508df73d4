"""The way in which a container ended, in words that are the same on every target that runs containers."""

import signal
from contextlib import suppress
from dataclasses import dataclass

from lifecycle.infrastructure.memory_kill import MemoryKill

KILLED = 137


@dataclass(frozen=True)
class ContainerEnd:
    """The way in which a container ended."""

    exit_code: int
    is_out_of_memory: bool
    start_error: str = ""
    """The cause when the container could not be started at all; empty otherwise."""


def describe_end(end: ContainerEnd, memory_bytes: int) -> str:
    """Return a phrase that tells how the container ended, and what its user can do about it."""
    if end.is_out_of_memory:
        return str(MemoryKill(memory_bytes))
    if end.start_error:
        return f"could not be started: {end.start_error}"
    if end.exit_code == KILLED:
        return "was killed (exit code 137): by hand, or because the machine ran out of memory"
    return f"ended by itself (exit code {_name(end.exit_code)})"


def _name(exit_code: int) -> str:
    with suppress(ValueError):
        return f"{exit_code}, {signal.Signals(exit_code - 128).name}"
    return str(exit_code)
