"""The route that lists the subjects which may use a job, and why."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from racetrack_client.entities import AuthScope
from racetrack_commons.entities.access import CallerKind, JobCallers

from lifecycle.auth.callers import can_see_callers, list_callers, list_open_callers
from lifecycle.auth.permissions import Wanted, normalize_endpoint
from lifecycle.endpoints.dependencies import (
    CommittingRoute,
    KnownSubject,
    ReadableJob,
    ReadingDep,
    ServicesDep,
)

router = APIRouter(
    prefix="/api/v1/job/{job_name}/{job_version}", tags=["permissions"], route_class=CommittingRoute
)


class CallersQuery(BaseModel):
    """The scope that the listed subjects have."""

    scope: AuthScope = AuthScope.CALL_JOB
    endpoint: str | None = Field(None, description="Unset: on the job, or on any of its endpoints.")


@router.get("/callers")
def show_callers(
    job: ReadableJob,
    query: Annotated[CallersQuery, Query()],
    subject: KnownSubject,
    services: ServicesDep,
    uow: ReadingDep,
) -> JobCallers:
    """List the subjects that may call a job, and why; all of them for those who may deploy it, and for staff."""
    endpoint = None if query.endpoint is None else normalize_endpoint(query.endpoint)
    wanted = Wanted(query.scope, job.name, job, endpoint)
    is_complete = can_see_callers(uow, subject, job)
    own = (CallerKind(subject.subject_type), subject.name) if subject.id else None
    callers = list_callers(uow, wanted, job)
    required = services.config.auth_required
    return JobCallers(
        job_name=job.name,
        job_version=job.version,
        scope=query.scope,
        endpoint=endpoint,
        is_complete=is_complete,
        callers=[
            *list_open_callers(uow, wanted, job, auth_required=required),
            *(each for each in callers if is_complete or (each.kind, each.name) == own),
        ],
    )
