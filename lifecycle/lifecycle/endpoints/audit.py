"""Routes of the audit log."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field
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
    make_router,
)
from lifecycle.endpoints.lists.answers import ANSWERS, answer_list
from lifecycle.endpoints.lists.queries import read_choices, read_words

router = make_router("/api/v1/audit", "audit log")

_Route = TypeVar("_Route", bound=Callable[..., Any])
_TRUE = {"true", "yes", "1"}
_LONGEST_PAGE = 1000
_ORDERS = ("newest", "-newest")


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


async def read_audit_filter(
    job_name: str = "",
    job_version: str = "",
    event_type: Annotated[tuple[str, ...], Query()] = (),
    limit: Annotated[int, Query(ge=0, le=_LONGEST_PAGE)] = 100,
    offset: Count = 0,
) -> AuditFilter:
    """Read the filter of events from a request, which names a job in its path or in its query."""
    types = tuple(each for each in event_type if each)
    return AuditFilter(job_name, job_version, event_types=types, limit=limit, offset=offset)


WantedEvents = Annotated[AuditFilter, Depends(read_audit_filter)]


class ActivityQuery(BaseModel):
    """Further conditions on the events of the activity, and their order."""

    related_to_me: str = ""
    search: str = Field(
        "",
        description="Words; each must be in the job's name or version, the type, or the name of a user.",
    )
    user: str = Field("", description="A user who acted or was affected.")
    since: datetime | None = Field(None, alias="from", description="UNIX seconds.")
    until: datetime | None = Field(None, description="UNIX seconds; events before that moment.")
    sort: str = Field("newest", description="newest, or -newest for the oldest first.")

    @property
    def is_mine(self) -> bool:
        """True if the events must concern the caller."""
        return self.related_to_me.lower() in _TRUE

    def narrow(self, wanted: AuditFilter, caller: str) -> AuditFilter:
        """Return the filter with these conditions; raises ValidationError."""
        (order,) = read_choices("sort", [self.sort], _ORDERS)
        return replace(
            wanted,
            usernames=tuple(filter(None, (self.user, caller if self.is_mine else ""))),
            words=read_words(self.search),
            since=_with_zone(self.since),
            until=_with_zone(self.until),
            is_reversed=order.startswith("-"),
        )


def _get_of_any_job(path: str) -> Callable[[_Route], _Route]:
    """Add a route for the events of all jobs, one for those of a family, and one for those of a version."""

    def add(route: _Route) -> _Route:
        for place in ("", "/job/{job_name}", "/job/{job_name}/{job_version}"):
            router.get(f"{path}{place}")(route)
        return route

    return add


@router.get("/activity", response_model=ActivityPayload, responses=ANSWERS)
def get_activity(
    wanted: WantedEvents,
    query: Annotated[ActivityQuery, Query()],
    user: UserSubject,
    services: ServicesDep,
    uow: ReadingDep,
    request: Request,
) -> Response:
    """Show the newest events with their descriptions; the header `X-Total-Count` tells how many match."""
    narrowed = query.narrow(wanted, user.name)
    events = hide_contents(uow, user, uow.audit.list_newest(narrowed))
    total = uow.audit.count(narrowed)
    payload = ActivityPayload(
        filter_job_name=wanted.job_name,
        filter_job_version=wanted.job_version,
        filter_related_to_me=query.is_mine,
        events=[_explain(event, services.clock.now()) for event in events],
    )
    # Not the ages: they would make each answer another one.
    identity = [event.model_dump_json().encode() for event in events]
    return answer_list(request, identity, lambda: payload.model_dump_json().encode(), total)


@_get_of_any_job("/user_events")
def list_user_events(
    wanted: WantedEvents, user: UserSubject, uow: ReadingDep
) -> list[AuditLogEventDto]:
    """List the events that the calling user caused, or that affected the user."""
    newest = uow.audit.list_newest(replace(wanted, usernames=(user.name,)))
    return _list_events(hide_contents(uow, user, newest))


@_get_of_any_job("/events")
def list_events(
    wanted: WantedEvents, subject: CurrentSubject, uow: ReadingDep
) -> list[AuditLogEventDto]:
    """List the events; contents of manifests are digests for callers who may not read the job."""
    return _list_events(hide_contents(uow, subject, uow.audit.list_newest(wanted)))


def _list_events(events: list[AuditEventDto]) -> list[AuditLogEventDto]:
    return [AuditLogEventDto.model_validate(event.model_dump()) for event in events]


def _with_zone(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def _explain(event: AuditEventDto, now: datetime) -> ExplainedEvent:
    age = (now - event.timestamp).total_seconds()
    return ExplainedEvent(
        **event.model_dump(), explanation=describe_event(event), time_ago=describe_age(age)
    )
