"""Routes of async calls, which PUB stores here, so that they survive a restart of PUB.

Gateways share the calls: a call belongs to the gateway that holds its lease. Times are Lifecycle's, so that the
clocks of gateways don't matter. All of it works in maintenance mode: calls that are running may end.
"""

from datetime import timedelta

from racetrack_client.log.errors import ValidationError
from racetrack_commons.api.guard_first import LARGE_BODY_BYTES
from racetrack_commons.entities.async_calls import (
    AsyncCallClaim,
    AsyncCallDelivery,
    AsyncCallEnd,
    AsyncCallRelease,
    AsyncCallRenewal,
    AsyncCallState,
    AsyncCallStatus,
    AsyncJobCallDto,
    ClaimedAsyncCall,
    HeldAsyncCalls,
    NewAsyncCall,
)
from racetrack_commons.entities.dto import ChangeKind

from lifecycle.config import Config
from lifecycle.domain.async_call_quota import AsyncCallQuota
from lifecycle.endpoints.dependencies import (
    AsyncCaller,
    ReadingDep,
    ServicesDep,
    UnitOfWorkDep,
    make_router,
)

_PREFIX = "/api/v1/job/async"
ROUTINE_PATHS = (f"{_PREFIX}/claim", f"{_PREFIX}/renew")
"""Paths that each gateway requests every few seconds."""
router = make_router(_PREFIX, "async calls", max_body_size=LARGE_BODY_BYTES)


@router.post("/call")
def add_async_call(call: AsyncJobCallDto, _: AsyncCaller, uow: UnitOfWorkDep) -> None:
    """Store an async call."""
    uow.async_calls.save(call)


@router.get("/call/{call_id}")
def get_async_call(call_id: str, _: AsyncCaller, uow: ReadingDep) -> AsyncJobCallDto:
    """Show an async call."""
    return uow.async_calls.get(call_id)


@router.put("/call/{call_id}")
def update_async_call(
    call_id: str, call: AsyncJobCallDto, _: AsyncCaller, uow: UnitOfWorkDep
) -> None:
    """Store the new state of an async call."""
    if call.id != call_id:
        raise ValidationError(f"the path names async call {call_id}, but the body {call.id}")
    uow.async_calls.save(call)


@router.delete("/call/{call_id}")
def remove_async_call(call_id: str, _: AsyncCaller, uow: UnitOfWorkDep) -> None:
    """Delete an async call."""
    uow.async_calls.remove(call_id)


@router.post("/new")
def add_leased_call(
    new: NewAsyncCall, _: AsyncCaller, services: ServicesDep, uow: UnitOfWorkDep
) -> None:
    """Store a new call with its first lease, unless the disk or a quota is full."""
    size = len(new.call.request_body)
    services.config.disk_space.check_room(size)
    leases, now = uow.async_call_leases, services.clock.now()
    make_quota(services.config).check_new(leases.measure_use(new.call.job_name, new.caller), size)
    leases.add(new.call, new.lease, now, new.caller)


@router.post("/claim")
def claim_calls(
    claim: AsyncCallClaim, _: AsyncCaller, services: ServicesDep
) -> list[ClaimedAsyncCall]:
    """Lease calls that no gateway runs, and delete those whose end was delivered a while ago."""
    now = services.clock.now()
    with services.unit_of_work.reading() as uow:
        if not uow.async_call_leases.has_work(now):
            return []  # Gateways ask all the time: most of them need not wait for a writer.
    with services.unit_of_work() as uow:
        uow.async_call_leases.remove_delivered(now)
        return uow.async_call_leases.claim(claim.lease, claim.limit, now)


@router.post("/renew")
def renew_leases(
    renewal: AsyncCallRenewal, _: AsyncCaller, services: ServicesDep, uow: UnitOfWorkDep
) -> HeldAsyncCalls:
    """Extend leases; calls that are missing in the answer belong to another gateway."""
    expires_at = services.clock.now() + timedelta(seconds=renewal.seconds)
    return HeldAsyncCalls(call_ids=uow.async_call_leases.renew(renewal.holders, expires_at))


@router.get("/call/{call_id}/status")
def get_call_status(call_id: str, _: AsyncCaller, uow: ReadingDep) -> AsyncCallState:
    """Show the status of a call, without its bodies."""
    return AsyncCallState(status=uow.async_calls.get_status(call_id))


@router.put("/call/{call_id}/end")
def end_call(
    call_id: str, end: AsyncCallEnd, _: AsyncCaller, services: ServicesDep, uow: UnitOfWorkDep
) -> None:
    """Store the end of a call, and notify the gateways that wait for it."""
    if end.status is AsyncCallStatus.ONGOING:
        raise ValidationError("an end is completed or failed; to give a call back, release it")
    others = uow.async_call_leases.measure_others(call_id)
    make_quota(services.config).check_answer(others, len(end.response_body))
    uow.async_call_leases.end(call_id, end, services.clock.now())
    uow.record_change(ChangeKind.ASYNC_CALL, call_id)


@router.put("/call/{call_id}/release")
def release_call(
    call_id: str,
    release: AsyncCallRelease,
    _: AsyncCaller,
    services: ServicesDep,
    uow: UnitOfWorkDep,
) -> None:
    """Release a call: another gateway may run it, at once or later."""
    claimable_at = services.clock.now() + timedelta(seconds=release.claimable_after_seconds)
    uow.async_call_leases.release(call_id, release.holder, claimable_at, release.error)


@router.put("/call/{call_id}/delivery")
def note_delivery(
    call_id: str,
    delivery: AsyncCallDelivery,
    _: AsyncCaller,
    services: ServicesDep,
    uow: UnitOfWorkDep,
) -> None:
    """Note that the end of a call was delivered: the call may be deleted after a while."""
    forget_at = services.clock.now() + timedelta(seconds=delivery.forget_after_seconds)
    uow.async_call_leases.note_delivery(call_id, forget_at)


def make_quota(config: Config) -> AsyncCallQuota:
    """Read the settings of what may be kept."""
    return AsyncCallQuota(config.async_max_calls, config.async_max_bytes)
