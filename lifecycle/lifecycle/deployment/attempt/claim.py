"""One deployment in the hands of one worker: all that it writes is fenced by the lease."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import DeploymentDto

from lifecycle.database.repositories.deployment_tasks import DeploymentTask, Lease, LeaseLost
from lifecycle.database.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lifecycle.deployment.attempt.failure import DeploymentInterrupted
from lifecycle.deployment.attempt.phases import Phase


class ClaimedDeployment:
    """The right to work on a deployment, as long as nobody else has taken it over."""

    def __init__(
        self,
        lease: Lease,
        unit_of_work: UnitOfWorkFactory,
        clock: Clock,
        lease_seconds: float,
        stopping: threading.Event,
    ) -> None:
        self.lease = lease
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._stopping = stopping
        self._is_lost = False

    @property
    def deployment_id(self) -> str:
        """Of the deployment."""
        return self.lease.deployment_id

    @property
    def clock(self) -> Clock:
        """The worker's clock."""
        return self._clock

    @contextmanager
    def writing(self) -> Iterator[UnitOfWork]:
        """Open a unit of work that fails with LeaseLost when another worker has taken over."""
        with self._unit_of_work() as uow:
            uow.deployment_tasks.renew(
                self.lease, self._clock.now() + timedelta(seconds=self._lease_seconds)
            )
            yield uow

    def read(self) -> tuple[DeploymentTask, DeploymentDto]:
        """Return the task and its deployment as they are now."""
        with self._unit_of_work.reading() as uow:
            return (
                uow.deployment_tasks.get(self.deployment_id),
                uow.deployments.get(self.deployment_id),
            )

    def set_phase(self, phase: Phase | str) -> None:
        """Show what is being done."""
        with self.writing() as uow:
            uow.deployments.set_phase(self.deployment_id, str(phase), self._clock.now())

    def renew(self) -> None:
        """Keep the lease alive; when it is lost, whoever works under it hears of it soon."""
        try:
            with self.writing():
                pass
        except LeaseLost:
            self._is_lost = True

    def release(self) -> None:
        """Let another worker go on at once."""
        with self._unit_of_work() as uow:
            uow.deployment_tasks.release(self.lease, self._clock.now())

    def release_for(self, seconds: float) -> None:
        """Let a worker try again, but not at once."""
        with self._unit_of_work() as uow:
            uow.deployment_tasks.release(self.lease, self._clock.now() + timedelta(seconds=seconds))

    def pause(self, seconds: float) -> None:
        """Wait; raises when there is no sense in going on here."""
        self._clock.wait(self._stopping, seconds)
        self.check_is_wanted()

    def check_is_wanted(self) -> None:
        """Raise when this process stops, or another worker has taken over."""
        if self._is_lost:
            raise LeaseLost(f"another worker has taken over deployment {self.deployment_id}")
        if self._stopping.is_set():
            raise DeploymentInterrupted("this process is stopping")
