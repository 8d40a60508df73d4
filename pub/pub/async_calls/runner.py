"""Running async calls under leases: calls started at this gateway, and calls whose gateway vanished."""

import asyncio
import math
import socket
import uuid
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from racetrack_client.log.logs import get_logger
from racetrack_commons.clock import Clock
from racetrack_commons.entities.async_calls import (
    AsyncCallClaim,
    AsyncCallLease,
    AsyncJobCallDto,
    ClaimedAsyncCall,
)
from racetrack_commons.entities.async_calls_client import AsyncCallsClient
from racetrack_commons.entities.lifecycle_client import LifecycleError, LifecycleUnreachable

from pub.async_calls.attempt import AttemptMaker
from pub.async_calls.report import OutcomeReporter, RunningCall
from pub.config import PubConfig
from pub.metrics import PubMetrics

logger = get_logger(__name__)
# Each claimed call brings its body, so few are claimed at once.
_CLAIMED_AT_ONCE = 10
_RENEWALS_IN_A_LEASE = 5
_LAST_WORDS_SECONDS = 3
_REMEMBERED_ENDS = 1000


@dataclass
class AsyncCallRunner:
    """Runs calls and renews their leases; only the holder of a call's lease may report its outcome."""

    store: AsyncCallsClient
    attempts: AttemptMaker
    reporter: OutcomeReporter
    config: PubConfig
    clock: Clock
    metrics: PubMetrics
    _running: dict[str, RunningCall] = field(default_factory=dict)
    _reserved: dict[str, str] = field(default_factory=dict)
    """The jobs of leases that are being stored in Lifecycle, by holder."""
    _ended: dict[str, None] = field(default_factory=dict)
    """The ids of the calls that ended last, at any gateway: none of them is begun any more."""
    _done_since_claim: int = 0
    _is_backlogged: bool = False
    """True if calls may wait: the last claim found some or had no room for any, or one was stored since."""
    _may_claim: asyncio.Event = field(default_factory=asyncio.Event)
    _renewed_at: float = 0.0
    _is_stopping: bool = False
    _problem: str | None = None
    _claims_from: float = 0.0

    def reserve(self, job_name: str) -> AsyncCallLease | None:
        """Reserve room for one call and return its lease; None when the gateway is full, also of this job, or stops."""
        if self._is_stopping or not self._has_room_for(job_name):
            return None
        lease = self._make_lease()
        self._reserved[lease.holder] = job_name
        return lease

    def cancel_reservation(self, lease: AsyncCallLease | None) -> None:
        """Give up a reservation; None is ignored."""
        if lease is not None:
            self._reserved.pop(lease.holder, None)

    def note_waiting(self, job_name: str) -> None:
        """Note that a call waits in Lifecycle, which is to run as soon as there is room."""
        self._is_backlogged = True
        if self._has_room_for(job_name):
            self._may_claim.set()

    def begin(self, call: AsyncJobCallDto, lease: AsyncCallLease) -> None:
        """Start to run a call whose lease this gateway holds."""
        self.cancel_reservation(lease)
        if call.id in self._ended:
            return
        known = self._running.get(call.id)
        if known is not None:
            # Its lease expired while Lifecycle was away, and no other gateway claimed it.
            known.holder = lease.holder
            return
        running = RunningCall(call, lease.holder)
        self._running[call.id] = running
        running.task = asyncio.create_task(self._attempt_and_report(running))

    def note_end(self, call_id: str) -> None:
        """Abort a call that ended without this gateway: it was cancelled, or another gateway had taken it over."""
        self._ended[call_id] = None
        while len(self._ended) > _REMEMBERED_ENDS:
            del self._ended[next(iter(self._ended))]
        running = self._running.get(call_id)
        if running is not None and not running.is_over:
            logger.info(
                f"async call {call_id} has ended, perhaps by its caller: its attempt is aborted"
            )
            running.cancel()

    def note_missed_ends(self) -> None:
        """Renew all leases at the next look, because calls may have ended unnoticed."""
        self._renewed_at = -math.inf

    async def renew_and_claim(self) -> None:
        """Renew leases and claim calls that no gateway runs, until the task is cancelled."""
        while True:
            problem = await self._renew_and_claim_once()
            if problem is not None:
                # Other gateways could not renew their leases either: they get time to do so once Lifecycle is back.
                patience = min(
                    self.config.lifecycle_timeout_seconds, self.config.async_lease_seconds
                )
                self._claims_from = self.clock.monotonic() + patience
            if problem is not None and problem != self._problem:
                logger.warning(f"leases of async calls can't be renewed or claimed: {problem}")
            elif problem != self._problem:
                logger.info("leases of async calls are renewed and claimed again")
            self._problem = problem
            await self._rest()

    async def finish(self, seconds: float) -> None:
        """Start no more calls; let running ones end within `seconds`, and give the others back."""
        self._is_stopping = True
        if tasks := self._tasks():
            logger.info(f"waiting up to {seconds:g} s for {len(tasks)} async calls")
            await asyncio.wait(tasks, timeout=seconds)
        for running in self._running.values():
            if not running.is_over:
                running.is_given_back = True
                running.cancel()
        if tasks := self._tasks():
            await asyncio.wait(tasks, timeout=_LAST_WORDS_SECONDS)
        for task in self._tasks():
            task.cancel()

    async def _rest(self) -> None:
        """Wait for the next look, which comes early when calls wait and there is room for them."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.config.async_look_seconds):
                await self._may_claim.wait()
        self._may_claim.clear()
        self._done_since_claim = 0

    def _note_done(self) -> None:
        self._done_since_claim += 1
        enough = min(_CLAIMED_AT_ONCE, self.config.most_running_of_job)
        if self._is_backlogged and self._done_since_claim >= enough:
            self._may_claim.set()

    def _has_room_for(self, job_name: str) -> bool:
        of_job = self._count_running()[job_name]
        return self._room > 0 and of_job < self.config.most_running_of_job

    def _count_running(self) -> Counter[str]:
        """Count the calls that run or are about to, by job."""
        counted = Counter(running.call.job_name for running in self._running.values())
        counted.update(self._reserved.values())
        return counted

    @property
    def _room(self) -> int:
        return self.config.async_max_running - len(self._running) - len(self._reserved)

    def _make_lease(self) -> AsyncCallLease:
        holder = f"{socket.gethostname()[:200]}:{self.config.pub_port}:{uuid.uuid4()}"
        return AsyncCallLease(holder=holder, seconds=self.config.async_lease_seconds)

    def _tasks(self) -> "list[asyncio.Task[None]]":
        return [each.task for each in self._running.values() if each.task is not None]

    async def _renew_and_claim_once(self) -> str | None:
        """Renew leases, then claim calls; return what prevented it, or None."""
        try:
            # Renewing comes first: leases that expired while Lifecycle was away can still be renewed until they are claimed.
            await self._renew()
            if not self._is_stopping and self.clock.monotonic() >= self._claims_from:
                await self._claim()
        except LifecycleUnreachable:
            return "Lifecycle does not answer"
        except LifecycleError as error:
            return f"Lifecycle says {error.status}: {error}"
        except Exception as error:
            # The loop must survive: without it, the leases of running calls would expire.
            logger.exception("renewing and claiming leases of async calls failed")
            return type(error).__name__
        return None

    async def _renew(self) -> None:
        age = self.clock.monotonic() - self._renewed_at
        if not self._running or age < self.config.async_lease_seconds / _RENEWALS_IN_A_LEASE:
            return
        holders = {call_id: running.holder for call_id, running in self._running.items()}
        held = await self.store.renew(holders, self.config.async_lease_seconds)
        self._renewed_at = self.clock.monotonic()
        for call_id in holders.keys() - held:
            running = self._running.get(call_id)
            if running is None or running.is_over:
                continue
            if running.holder == holders[call_id]:
                logger.warning(f"async call {call_id} is no longer held by this gateway")
                running.cancel()

    async def _claim(self) -> None:
        lease, most_of_job = self._make_lease(), self.config.most_running_of_job
        claim = AsyncCallClaim(
            lease=lease,
            limit=max(0, min(self._room, _CLAIMED_AT_ONCE)),
            running=self._count_running(),
            most_of_job=most_of_job,
        )
        claimed = await self.store.claim(claim)
        is_full = not claim.limit or max(claim.running.values(), default=0) >= most_of_job
        self._is_backlogged = bool(claimed) or is_full
        if claimed and len(claimed) == claim.limit:
            self._may_claim.set()
        self._count(claimed)
        for call in claimed:
            if self._is_stopping:
                await self.reporter.give_back(RunningCall(call, lease.holder))
            else:
                self.begin(call, lease)

    def _count(self, claimed: Sequence[ClaimedAsyncCall]) -> None:
        for call in claimed:
            if call.attempts <= 1:
                continue
            self.metrics.count("pub_async_retried_task")
            kind = "missing" if call.is_abandoned else "crashed"
            self.metrics.count(f"pub_async_retried_{kind}_task")
            why = "its gateway vanished" if call.is_abandoned else f"after: {call.error}"
            logger.info(f"async call {call.id} runs again, attempt {call.attempts}, {why}")

    async def _attempt_and_report(self, running: RunningCall) -> None:
        try:
            outcome = await self.attempts.make(running.call)
            running.is_over = True
            await self.reporter.report(running, outcome)
        except asyncio.CancelledError:
            if running.is_given_back:
                await self.reporter.give_back(running)
        except Exception:
            logger.exception(f"async call {running.call.id} failed and is given back")
            self.metrics.count("pub_panic_errors")
            running.is_given_back = True
            await self.reporter.give_back(running)
        finally:
            self._running.pop(running.call.id, None)
            self._note_done()
