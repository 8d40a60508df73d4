"""Routes of the audit log."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel
from racetrack_commons.entities.dto import UnixSeconds

from lifecycle.audit import describe_age, describe_event
from lifecycle.auth.audit_sight import hide_contents
from lifecycle.domain.audit import AuditEventDto, AuditFilter
from lifecycle.endpoints.dependencies import (
    Count,
    CurrentSubject,
    ReadingDep,
    ServicesDep,
    UserSubject,
)

router = APIRouter(prefix="/api/v1/audit", tags=["audit log"])

_TRUE = {"true", "yes", "1"}
_LONGEST_PAGE = 1000


class AuditLogEventDto(BaseModel):
    """An event of the audit log."""

    id: str
    version: int
    timestamp: UnixSeconds
    event_type: str
    properties: dict[str, Any]
    username_executor: str | None
    username_subject: str | None
    job_name: str | None
    job_version: str | None


class ExplainedEvent(AuditLogEventDto):
    """An event with its description for people."""

    explanation: str
    time_ago: str


class ActivityPayload(BaseModel):
    """The newest events, and the filter that they match."""

    filter_job_name: str
    filter_job_version: str
    filter_related_to_me: bool
    events: list[ExplainedEvent]


def read_audit_filter(
    job_name: str = "",
    job_version: str = "",
    event_type: str = "",
    limit: Annotated[int, Query(ge=0, le=_LONGEST_PAGE)] = 100,
    offset: Count = 0,
) -> AuditFilter:
    """Read the filter of events from a request, which names a job in its path or in its query."""
    return AuditFilter(job_name, job_version, event_type=event_type, limit=limit, offset=offset)


WantedEvents = Annotated[AuditFilter, Depends(read_audit_filter)]


@router.get("/activity")
def get_activity(
    wanted: WantedEvents,
    user: UserSubject,
    services: ServicesDep,
    uow: ReadingDep,
    related_to_me: str = "",
) -> ActivityPayload:
    """Show the newest events with their descriptions."""
    is_mine = related_to_me.lower() in _TRUE
    newest = uow.audit.list_newest(replace(wanted, username=user.name if is_mine else None))
    events = hide_contents(uow, user, newest)
    return ActivityPayload(
        filter_job_name=wanted.job_name,
        filter_job_version=wanted.job_version,
        filter_related_to_me=is_mine,
        events=[_explain(event, services.clock.now()) for event in events],
    )


@router.get("/user_events")
@router.get("/user_events/job/{job_name}")
@router.get("/user_events/job/{job_name}/{job_version}")
def list_user_events(
    wanted: WantedEvents, user: UserSubject, uow: ReadingDep
) -> list[AuditLogEventDto]:
    """List the events that the calling user caused, or that affected the user."""
    newest = uow.audit.list_newest(replace(wanted, username=user.name))
    return _list_events(hide_contents(uow, user, newest))


@router.get("/events")
@router.get("/events/job/{job_name}")
@router.get("/events/job/{job_name}/{job_version}")
def list_events(
    wanted: WantedEvents, subject: CurrentSubject, uow: ReadingDep
) -> list[AuditLogEventDto]:
    """List the events; contents of manifests are digests for callers who may not read the job."""
    return _list_events(hide_contents(uow, subject, uow.audit.list_newest(wanted)))


def _list_events(events: list[AuditEventDto]) -> list[AuditLogEventDto]:
    return [AuditLogEventDto.model_validate(event.model_dump()) for event in events]


def _explain(event: AuditEventDto, now: datetime) -> ExplainedEvent:
    age = (now - event.timestamp).total_seconds()
    return ExplainedEvent(
        **event.model_dump(), explanation=describe_event(event), time_ago=describe_age(age)
    )
