"""The claim of one worker on one deployment: every write under it is fenced by a lease."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import psutil
from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import DeploymentDto

from lifecycle.database.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lifecycle.deployment.attempt.failure import DeploymentInterrupted
from lifecycle.domain.deployment import DeploymentTask, Lease, LeaseLost, Phase

_CLOCK_TOLERANCE_MS = 5000  # Start times are computed from the clock, which may be set meanwhile.


@dataclass(eq=False)
class Claim:
    """The right to work on a deployment until another worker takes it over.

    The thread that carries the deployment on uses it, and the worker's thread `leases` renews it.
    """

    lease: Lease
    unit_of_work: UnitOfWorkFactory
    clock: Clock
    lease_seconds: float
    """The time for which each write renews the lease."""
    stopping: threading.Event
    """Set when this process is to end."""
    is_lost: bool = False
    """True once a renewal has found that another worker took over."""

    @property
    def deployment_id(self) -> str:
        """The deployment's id."""
        return self.lease.deployment_id

    def now(self) -> datetime:
        """Return the time of the worker's clock."""
        return self.clock.now()

    def monotonic(self) -> float:
        """Return the seconds of the worker's clock, for measuring how long something takes."""
        return self.clock.monotonic()

    @contextmanager
    def writing(self) -> Iterator[UnitOfWork]:
        """Open a unit of work that fails with LeaseLost when another worker has taken over."""
        with self.unit_of_work() as uow:
            uow.deployment_tasks.renew(self.lease, self._get_expiry(self.lease_seconds))
            yield uow

    def read(self) -> tuple[DeploymentTask, DeploymentDto]:
        """Return the task and its deployment as they are stored now."""
        with self.unit_of_work.reading() as uow:
            return (
                uow.deployment_tasks.get(self.deployment_id),
                uow.deployments.get(self.deployment_id),
            )

    def read_task(self) -> DeploymentTask:
        """Return the task as it is stored now."""
        with self.unit_of_work.reading() as uow:
            return uow.deployment_tasks.get(self.deployment_id)

    def set_phase(self, phase: Phase | str) -> None:
        """Show callers what the deployment is doing."""
        with self.writing() as uow:
            uow.deployments.set_phase(self.deployment_id, str(phase), self.now())

    def renew(self) -> None:
        """Extend the lease; when it is lost, `check_is_wanted` raises from then on."""
        try:
            with self.writing():
                pass
        except LeaseLost:
            self.is_lost = True

    def release(self, seconds: float = 0) -> None:
        """End the lease, so that any worker may claim the deployment in `seconds` seconds."""
        with self.unit_of_work() as uow:
            uow.deployment_tasks.release(self.lease, self._get_expiry(seconds))

    def pause(self, seconds: float) -> None:
        """Wait, then check as `check_is_wanted` does; a stop of the process ends the wait early."""
        self.clock.wait(self.stopping, seconds)
        self.check_is_wanted()

    def check_is_wanted(self) -> None:
        """Raise LeaseLost after a takeover, DeploymentInterrupted when this process stops."""
        if self.is_lost:
            raise LeaseLost(f"another worker has taken over deployment {self.deployment_id}")
        if self.stopping.is_set():
            raise DeploymentInterrupted("this process is stopping")

    def _get_expiry(self, seconds: float) -> datetime:
        return self.now() + timedelta(seconds=seconds)


@dataclass(frozen=True)
class LeaseOwner:
    """The process that holds a lease; its start time distinguishes it from a later one that reuses the pid."""

    host: str
    pid: int
    start_time: int
    """Milliseconds since 1970."""

    @classmethod
    def of_this_process(cls) -> "LeaseOwner":
        """Describe the calling process."""
        return cls(socket.gethostname(), os.getpid(), _find_start_time(os.getpid()) or 0)

    @classmethod
    def parse(cls, text: str) -> "LeaseOwner | None":
        """Read what `str()` wrote; return None for any other text."""
        host, _, rest = text.partition(":")
        pid, _, start_time = rest.partition(":")
        if not host or not pid.isdecimal() or not start_time.isdecimal():
            return None
        return cls(host, int(pid), int(start_time))

    def is_surely_dead(self) -> bool:
        """Return whether the process ran on this machine and has ended; False for other machines."""
        if self.host != socket.gethostname():
            return False
        start_time = _find_start_time(self.pid)
        return start_time is None or abs(start_time - self.start_time) > _CLOCK_TOLERANCE_MS

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}:{self.start_time}"


def is_abandoned(owner: str) -> bool:
    """Return whether the owner of a lease, as stored, can never renew it."""
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
