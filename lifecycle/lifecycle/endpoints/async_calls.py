"""Routes of async calls: PUB keeps them here, so that they survive it.

They work in maintenance mode too: calls that are running may end.
"""

from fastapi import APIRouter
from racetrack_client.log.errors import ValidationError
from racetrack_commons.entities.dto import AsyncJobCallDto

from lifecycle.endpoints.committing_route import CommittingRoute
from lifecycle.endpoints.dependencies import Administrator, ReadingDep, UnitOfWorkDep

router = APIRouter(prefix="/api/v1/job/async/call", tags=["API"], route_class=CommittingRoute)


@router.post("")
def add_async_call(call: AsyncJobCallDto, _: Administrator, uow: UnitOfWorkDep) -> None:
    """Keep an async call."""
    uow.async_calls.save(call)


@router.get("/{call_id}")
def get_async_call(call_id: str, _: Administrator, uow: ReadingDep) -> AsyncJobCallDto:
    """Show an async call."""
    return uow.async_calls.get(call_id)


@router.put("/{call_id}")
def update_async_call(
    call_id: str, call: AsyncJobCallDto, _: Administrator, uow: UnitOfWorkDep
) -> None:
    """Keep what became of an async call."""
    if call.id != call_id:
        raise ValidationError(f"the path names async call {call_id}, but the body {call.id}")
    uow.async_calls.save(call)


@router.delete("/{call_id}")
def remove_async_call(call_id: str, _: Administrator, uow: UnitOfWorkDep) -> None:
    """Forget an async call."""
    uow.async_calls.remove(call_id)
