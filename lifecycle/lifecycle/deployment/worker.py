"""The worker claims deployments and carries them on; any number of processes may have one."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from racetrack_client.log.logs import get_logger
from racetrack_commons.clock import Clock

from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployment.attempt.claim import Claim, LeaseOwner, is_abandoned
from lifecycle.deployment.runner import DeploymentRunner
from lifecycle.domain.deployment import DeploymentTask

logger = get_logger(__name__)

_RENEWALS_PER_LEASE = 3
_STOP_SECONDS = 5
_SLOT_SECONDS = 1


@dataclass(frozen=True)
class WorkerSettings:
    """The settings of one worker."""

    slots: int = 4
    """The number of deployments that it carries on at once."""
    lease_seconds: float = 15
    poll_seconds: float = 1
    """The pause between two looks for deployments of other processes; `wake` announces those of its own."""
    leave_fresh_seconds: float = 0
    """The age that a new deployment must have, so that the process that took it in can claim it first."""


class DeploymentWorker:
    """One thread looks for deployments, one thread each carries them on, and one renews the leases."""

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
        self._active: dict[Claim, threading.Thread] = {}
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads."""
        for name, target in (("deployments", self._dispatch), ("leases", self._renew_leases)):
            thread = threading.Thread(target=target, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def wake(self) -> None:
        """Make the worker look for deployments at once; any thread may call it."""
        self._wake.set()

    def stop(self) -> None:
        """End the threads; they release what they can, and another worker continues it."""
        self._stopping.set()
        self._wake.set()
        for thread in [*self._threads, *list(self._active.values())]:
            thread.join(_STOP_SECONDS)

    def run_pending(self) -> int:
        """Carry on, in the calling thread, every deployment that can be claimed now; return their number."""
        count = 0
        while (claim := self.claim()) is not None:
            self._carry_on(claim)
            count += 1
        return count

    def claim(self) -> Claim | None:
        """Claim the oldest claimable deployment; return None when there is none, or the worker stops."""
        if self._stopping.is_set():
            return None
        with self._unit_of_work.reading() as uow:
            tasks = uow.deployment_tasks.list_open()
        now = self._clock.now()
        for task in tasks:
            if self._is_claimable(task, now):
                claim = self._try_to_claim(task, now)
                if claim is not None:
                    return claim
        return None

    def _is_claimable(self, task: DeploymentTask, now: datetime) -> bool:
        if any(task.deployment_id == one.deployment_id for one in list(self._active)):
            return False
        if task.attempt == 0:
            return task.created_at + timedelta(seconds=self._settings.leave_fresh_seconds) <= now
        if task.lease_expires_at is None or task.lease_expires_at <= now:
            return True
        return task.lease_owner is not None and is_abandoned(task.lease_owner)

    def _try_to_claim(self, task: DeploymentTask, now: datetime) -> Claim | None:
        expires_at = now + timedelta(seconds=self._settings.lease_seconds)
        with self._unit_of_work() as uow:
            lease = uow.deployment_tasks.claim(task, self._owner, expires_at)
        if lease is None:
            return None
        return Claim(
            lease, self._unit_of_work, self._clock, self._settings.lease_seconds, self._stopping
        )

    def _dispatch(self) -> None:
        while not self._stopping.is_set():
            if not self._slots.acquire(timeout=_SLOT_SECONDS):
                continue
            self._wake.clear()
            claim = self._claim_safely()
            if claim is None:
                self._slots.release()
                self._wake.wait(self._settings.poll_seconds)
            else:
                self._start_thread(claim)

    def _claim_safely(self) -> Claim | None:
        try:
            return self.claim()
        except Exception as error:  # noqa: BLE001 - the loop must survive an unreachable database
            logger.warning(f"looking for deployments failed, trying again soon: {error}")
            return None

    def _start_thread(self, claim: Claim) -> None:
        name = f"deployment-{claim.deployment_id[:8]}"
        thread = threading.Thread(
            target=self._carry_on_in_slot, args=(claim,), name=name, daemon=True
        )
        self._active[claim] = thread
        thread.start()

    def _carry_on_in_slot(self, claim: Claim) -> None:
        try:
            self._carry_on(claim)
        except Exception as error:
            logger.error(f"deployment {claim.deployment_id} was dropped", exc_info=error)
        finally:
            self._slots.release()
            self._wake.set()

    def _carry_on(self, claim: Claim) -> None:
        self._active[claim] = threading.current_thread()
        try:
            self._runner.carry_on(claim)
        finally:
            del self._active[claim]

    def _renew_leases(self) -> None:
        pause_seconds = self._settings.lease_seconds / _RENEWALS_PER_LEASE
        while not self._stopping.wait(pause_seconds):
            for claim in list(self._active):
                try:
                    claim.renew()
                except Exception as error:  # noqa: BLE001 - the next renewal may succeed
                    logger.warning(f"the lease of {claim.deployment_id} is not renewed: {error}")
