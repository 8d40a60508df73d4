"""Who works on a deployment, and whether that process is still there."""

import os
import socket
from dataclasses import dataclass

import psutil

_CLOCK_TOLERANCE_MS = 5000  # Start times are told from the clock, which may be set while we run.


@dataclass(frozen=True)
class LeaseOwner:
    """One process, told apart from a later one with the same number by its start time."""

    host: str
    pid: int
    start_time: int
    """Milliseconds since 1970."""

    @classmethod
    def of_this_process(cls) -> "LeaseOwner":
        """Describe the process that asks."""
        return cls(socket.gethostname(), os.getpid(), _find_start_time(os.getpid()) or 0)

    @classmethod
    def parse(cls, text: str) -> "LeaseOwner | None":
        """Read what `str()` wrote; None for anything else."""
        host, _, rest = text.partition(":")
        pid, _, start_time = rest.partition(":")
        if not host or not pid.isdecimal() or not start_time.isdecimal():
            return None
        return cls(host, int(pid), int(start_time))

    def is_surely_dead(self) -> bool:
        """Tell whether this was a process of this machine that has ended; others may be alive."""
        if self.host != socket.gethostname():
            return False
        start_time = _find_start_time(self.pid)
        return start_time is None or abs(start_time - self.start_time) > _CLOCK_TOLERANCE_MS

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}:{self.start_time}"


def is_abandoned(owner: str) -> bool:
    """Tell whether a lease's owner can't renew it any more."""
    parsed = LeaseOwner.parse(owner)
    return parsed is not None and parsed.is_surely_dead()


def _find_start_time(pid: int) -> int | None:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return int(process.create_time() * 1000)
    except psutil.Error:
        return None
