"""Routes by which callers list and cancel the async calls that they have started."""

from collections.abc import Awaitable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, TypeAdapter
from racetrack_commons.entities.async_calls import (
    AsyncCallStatus,
    AsyncCallSummary,
    OwnAsyncCallsQuery,
)
from racetrack_commons.entities.lifecycle_client import LifecycleError, LifecycleUnreachable
from starlette.responses import Response

from pub.async_calls.visits import AsyncCallVisits
from pub.endpoints.async_call_responses import (
    TaskState,
    answer_error,
    answer_read_error,
    answer_status,
    format_time,
)
from pub.proxy.cookies import read_token

TOTAL_HEADER = "X-Total-Count"
_LIST_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            TOTAL_HEADER: {
                "description": "The number of calls on all pages.",
                "schema": {"type": "integer"},
            }
        }
    },
}


class TaskSummary(BaseModel):
    """An async call without headers and bodies."""

    task_id: str
    status: AsyncCallStatus
    job_name: str
    job_version: str
    job_path: str
    http_method: str
    started_at: str
    ended_at: str | None
    error: str | None
    response_status_code: int | None
    """The status of the job's answer."""
    attempts: int


class OwnCallsFilter(BaseModel):
    """The calls that a list has."""

    job: str = Field("", description="The name of a job; without it, calls of all jobs.")
    version: str = Field("", description="An exact version of the job.")
    status: list[AsyncCallStatus] = Field([], description="Any of these; without it, all.")
    limit: int = Field(100, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=2**31 - 1)


_Answer = TypeVar("_Answer")
_SUMMARIES = TypeAdapter(list[TaskSummary])


class OwnAsyncCallRoutes:
    """The routes of a caller's own calls."""

    def __init__(self, visits: AsyncCallVisits) -> None:
        self._visits = visits

    def router(self) -> APIRouter:
        """Return a router with all routes."""
        router = APIRouter(tags=["async calls"])
        router.add_api_route(
            "/async/task",
            self.read_own,
            response_model=list[TaskSummary],
            responses=_LIST_ANSWERS,
        )
        router.add_api_route(
            "/async/task/{task_id}", self.cancel, methods=["DELETE"], response_model=TaskState
        )
        return router

    async def read_own(
        self, request: Request, wanted: Annotated[OwnCallsFilter, Query()]
    ) -> Response:
        """List the calls that the caller has started, the newest first, without bodies."""
        query = OwnAsyncCallsQuery(
            token=read_token(request.scope),
            job_name=wanted.job,
            job_version=wanted.version,
            statuses=wanted.status,
            limit=wanted.limit,
            offset=wanted.offset,
        )
        own = await _ask(self._visits.read_own(query))
        if isinstance(own, Response):
            return own
        body = _SUMMARIES.dump_json([_summarize(call) for call in own.calls])
        headers = {TOTAL_HEADER: str(own.total), "Cache-Control": "private, no-cache"}
        return Response(body, headers=headers, media_type="application/json")

    async def cancel(self, task_id: str, request: Request) -> Response:
        """Cancel a call of the caller: one that waits never runs, one that runs is aborted, one that has ended stays."""
        status = await _ask(self._visits.cancel(task_id, read_token(request.scope)))
        return status if isinstance(status, Response) else answer_status(task_id, status)


async def _ask(question: Awaitable[_Answer]) -> _Answer | Response:
    """Return Lifecycle's answer, or the response that tells why there is none."""
    try:
        return await question
    except LifecycleError as error:
        return answer_read_error(error, "ask Lifecycle about async tasks")
    except LifecycleUnreachable:
        return answer_error(503, "Lifecycle does not answer now, try again", {"Retry-After": "2"})


def _summarize(call: AsyncCallSummary) -> TaskSummary:
    return TaskSummary(
        task_id=call.id,
        status=call.status,
        job_name=call.job_name,
        job_version=call.job_version,
        job_path=call.job_path,
        http_method=call.request_method,
        started_at=format_time(call.started_at),
        ended_at=format_time(call.ended_at) if call.ended_at is not None else None,
        error=call.error,
        response_status_code=call.response_status_code,
        attempts=call.attempts,
    )
