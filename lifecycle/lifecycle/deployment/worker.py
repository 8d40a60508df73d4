"""Claiming deployments and carrying them on; any number of processes may do so at once."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from racetrack_client.log.logs import get_logger
from racetrack_commons.clock import Clock

from lifecycle.database.repositories.deployment_tasks import DeploymentTask
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployment.attempt.claim import ClaimedDeployment
from lifecycle.deployment.attempt.owner import LeaseOwner, is_abandoned
from lifecycle.deployment.runner import DeploymentRunner

logger = get_logger(__name__)

_RENEWALS_PER_LEASE = 3
_STOP_SECONDS = 5
_SLOT_SECONDS = 1


@dataclass(frozen=True)
class WorkerSettings:
    """How a worker works."""

    slots: int = 4
    """How many deployments at once."""
    lease_seconds: float = 15
    poll_seconds: float = 1
    """How often to look for what other processes left behind; one's own are told by `wake`."""
    leave_fresh_seconds: float = 0
    """Leave new deployments that long to the process that took them in."""


class DeploymentWorker:
    """One thread looks for work, others do it, and one keeps the leases alive."""

    def __init__(
        self,
        runner: DeploymentRunner,
        unit_of_work: UnitOfWorkFactory,
        clock: Clock,
        settings: WorkerSettings,
    ) -> None:
        self._runner = runner
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._settings = settings
        self._owner = str(LeaseOwner.of_this_process())
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._slots = threading.Semaphore(settings.slots)
        self._active: dict[ClaimedDeployment, threading.Thread] = {}
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to work in the background."""
        for name, target in (("deployments", self._dispatch), ("leases", self._renew_leases)):
            thread = threading.Thread(target=target, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def wake(self) -> None:
        """Say that there is something to do."""
        self._wake.set()

    def stop(self) -> None:
        """Let go of what can be let go; another process carries it on."""
        self._stopping.set()
        self._wake.set()
        for thread in [*self._threads, *list(self._active.values())]:
            thread.join(_STOP_SECONDS)

    def run_pending(self) -> int:
        """Carry on, in this thread, all that can be claimed now; return how many."""
        count = 0
        while (claimed := self.claim()) is not None:
            self._work(claimed)
            count += 1
        return count

    def claim(self) -> ClaimedDeployment | None:
        """Claim the oldest deployment that nobody works on; a stopping worker claims none."""
        if self._stopping.is_set():
            return None
        with self._unit_of_work.reading() as uow:
            tasks = uow.deployment_tasks.list_open()
        now = self._clock.now()
        for task in tasks:
            if self._is_claimable(task, now):
                claimed = self._try_to_claim(task, now)
                if claimed is not None:
                    return claimed
        return None

    def _is_claimable(self, task: DeploymentTask, now: datetime) -> bool:
        if any(task.deployment_id == one.deployment_id for one in list(self._active)):
            return False
        if task.attempt == 0:
            return task.created_at + timedelta(seconds=self._settings.leave_fresh_seconds) <= now
        if task.lease_expires_at is None or task.lease_expires_at <= now:
            return True
        return task.lease_owner is not None and is_abandoned(task.lease_owner)

    def _try_to_claim(self, task: DeploymentTask, now: datetime) -> ClaimedDeployment | None:
        expires_at = now + timedelta(seconds=self._settings.lease_seconds)
        with self._unit_of_work() as uow:
            lease = uow.deployment_tasks.claim(task, self._owner, expires_at)
        if lease is None:
            return None
        return ClaimedDeployment(
            lease, self._unit_of_work, self._clock, self._settings.lease_seconds, self._stopping
        )

    def _dispatch(self) -> None:
        while not self._stopping.is_set():
            if not self._slots.acquire(timeout=_SLOT_SECONDS):
                continue
            self._wake.clear()
            claimed = self._claim_safely()
            if claimed is None:
                self._slots.release()
                self._wake.wait(self._settings.poll_seconds)
            else:
                self._start_work(claimed)

    def _claim_safely(self) -> ClaimedDeployment | None:
        try:
            return self.claim()
        except Exception as error:  # noqa: BLE001 - the loop must survive a database that is away
            logger.warning(f"looking for deployments failed, trying again soon: {error}")
            return None

    def _start_work(self, claimed: ClaimedDeployment) -> None:
        name = f"deployment-{claimed.deployment_id[:8]}"
        work = threading.Thread(target=self._work_in_slot, args=(claimed,), name=name, daemon=True)
        self._active[claimed] = work
        work.start()

    def _work_in_slot(self, claimed: ClaimedDeployment) -> None:
        try:
            self._work(claimed)
        except Exception as error:
            logger.error(f"deployment {claimed.deployment_id} was dropped", exc_info=error)
        finally:
            self._slots.release()
            self._wake.set()

    def _work(self, claimed: ClaimedDeployment) -> None:
        self._active[claimed] = threading.current_thread()
        try:
            self._runner.run(claimed)
        finally:
            del self._active[claimed]

    def _renew_leases(self) -> None:
        pause_seconds = self._settings.lease_seconds / _RENEWALS_PER_LEASE
        while not self._stopping.wait(pause_seconds):
            for claimed in list(self._active):
                try:
                    claimed.renew()
                except Exception as error:  # noqa: BLE001 - the next renewal may succeed
                    logger.warning(f"the lease of {claimed.deployment_id} is not renewed: {error}")
