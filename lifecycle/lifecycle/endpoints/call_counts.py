"""Routes of counted calls: gateways report them, and readers of a job see its callers."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel
from racetrack_commons.entities.call_counts import CallCount, CallReport
from racetrack_commons.entities.dto import UnixSeconds

from lifecycle.domain.calls import JobCalls
from lifecycle.endpoints.dependencies import (
    GatewaySubject,
    Reader,
    ReadingDep,
    ServicesDep,
    UnitOfWorkDep,
    make_router,
)
from lifecycle.job.calls import list_readable_calls, record_calls

_PREFIX = "/api/v1/calls"
REPORT_PATH = _PREFIX
"""The path that each gateway requests every few seconds."""
router = make_router(_PREFIX, "calls")
Days = Annotated[int, Query(ge=1, le=3660)]


class CallsPayload(BaseModel):
    """The calls of a version of a job by one caller."""

    job_name: str
    job_version: str
    caller: str
    """Empty for callers without a token, and where the settings let no names be recorded."""
    count: int
    last_call_time: UnixSeconds


@router.post("")
def report_calls(
    report: CallReport, _: GatewaySubject, services: ServicesDep, uow: UnitOfWorkDep
) -> None:
    """Record what a gateway has counted."""
    counted = [_read(each) for each in report.calls]
    record_calls(uow, counted, services.config.record_callers, services.clock.now())


@router.get("/{job_name}")
def list_calls(
    job_name: str, reader: Reader, services: ServicesDep, uow: ReadingDep, days: Days = 7
) -> list[CallsPayload]:
    """List the calls of a job's versions by caller: those of today and the days before, `days` in all, in UTC."""
    found = list_readable_calls(uow, reader, job_name, days, services.clock.now())
    return [CallsPayload.model_validate(calls, from_attributes=True) for calls in found]


def _read(count: CallCount) -> JobCalls:
    moment = datetime.fromtimestamp(count.last_call_time, UTC)
    return JobCalls(count.job_name, count.job_version, count.caller, count.count, moment)
