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
    AsyncCallVisitor,
    AsyncJobCallDto,
    ClaimedAsyncCall,
    HeldAsyncCalls,
    NewAsyncCall,
    OwnAsyncCalls,
    OwnAsyncCallsQuery,
    StartedAsyncCall,
)
from racetrack_commons.entities.dto import ChangeKind

from lifecycle.auth.authenticate import AuthSubject
from lifecycle.database.connections import ConflictingRow
from lifecycle.endpoints.dependencies import (
    AsyncCaller,
    LifecycleServices,
    ReadingDep,
    ServicesDep,
    UnitOfWorkDep,
    make_router,
)
from lifecycle.job.async_calls import (
    AsyncCallVisitors,
    cancel_call,
    check_may_touch,
    make_quota,
    read_own_calls,
    start_call,
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
def add_leased_call(new: NewAsyncCall, _: AsyncCaller, services: ServicesDep) -> StartedAsyncCall:
    """Store a new call with its first lease, unless its key is known, or the disk or a quota is full."""
    start = AsyncCallVisitors(services.sessions).make_start(new)
    config, now = services.config, services.clock.now()
    try:
        with services.unit_of_work() as uow:
            return StartedAsyncCall(call_id=start_call(uow, new, start, config, now))
    except ConflictingRow:
        # Another gateway has stored a call with the same key at the same moment: this time it is found.
        with services.unit_of_work() as uow:
            return StartedAsyncCall(call_id=start_call(uow, new, start, config, now))


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
        return uow.async_call_leases.claim(claim, now)


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


@router.post("/own")
def show_own_calls(
    query: OwnAsyncCallsQuery, _: AsyncCaller, services: ServicesDep, uow: ReadingDep
) -> OwnAsyncCalls:
    """List the calls that the visitor of a gateway has started, the newest first, without bodies."""
    return read_own_calls(uow, AsyncCallVisitors(services.sessions).require(query.token), query)


@router.post("/call/{call_id}/visit")
def check_visitor(
    call_id: str, visitor: AsyncCallVisitor, _: AsyncCaller, services: ServicesDep
) -> None:
    """Check that the visitor of a gateway may read the answer of a call."""
    _admit_visitor(call_id, visitor, services)


@router.put("/call/{call_id}/cancel")
def cancel_visited_call(
    call_id: str, visitor: AsyncCallVisitor, _: AsyncCaller, services: ServicesDep
) -> AsyncCallState:
    """End a call of the visitor of a gateway; one that has ended already stays as it is."""
    subject = _admit_visitor(call_id, visitor, services)
    with services.unit_of_work() as uow:
        return AsyncCallState(status=cancel_call(uow, call_id, subject, services.clock.now()))


def _admit_visitor(
    call_id: str, visitor: AsyncCallVisitor, services: LifecycleServices
) -> AuthSubject | None:
    """Return the visitor, or None if it is not known who started the call: then its id is the only proof."""
    with services.unit_of_work.reading() as uow:
        caller_id = uow.async_call_leases.get_caller_id(call_id)
    if not caller_id:
        return None
    subject = AsyncCallVisitors(services.sessions).require(visitor.token)
    with services.unit_of_work.reading() as uow:
        check_may_touch(uow, subject, caller_id, call_id)
    return subject
