"""Routes of logs: of running jobs, and of builds."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import PlainTextResponse, StreamingResponse
from racetrack_client.entities import AuthScope
from racetrack_client.log.context_error import wrap_context
from racetrack_client.log.errors import EntityNotFound, ServiceUnavailable
from racetrack_commons.entities.dto import DeploymentDto, JobDto

from lifecycle.auth.authorize import check_job, list_own_deployments
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.endpoints.dependencies import (
    Count,
    KnownSubject,
    LifecycleServices,
    ReadableJob,
    ServicesDep,
)
from lifecycle.endpoints.presenting import LogsPayload, keep_tail, strip_colours
from lifecycle.event_stream.followed_logs import EarlierLines, stream_lines
from lifecycle.infrastructure.model import InfrastructureTarget
from lifecycle.job.versions import find_job, is_alias, may_mean

_RECENT_DEPLOYMENTS = 50
router = APIRouter(prefix="/api/v1/job/{job_name}/{job_version}", tags=["jobs"])


def read_build_logs(
    job_name: str, job_version: str, subject: KnownSubject, services: ServicesDep
) -> str:
    """Return the log of the newest build, also of a job whose first deployment failed."""
    with services.unit_of_work.reading() as uow:
        job = find_job(uow, job_name, job_version)
        newest = None if job else _find_newest_deployment(uow, job_name, job_version)
        if not list_own_deployments(uow, subject, [newest] if newest else []):
            check_job(uow, subject, job_name, job, AuthScope.READ_JOB)
        known = job.version if job else job_version
        version = newest.job_version if newest else known
        logs = uow.deployments.find_build_logs(job_name, version)
    if logs is None:
        raise EntityNotFound(f"job {job_name} {version} was never built here")
    return logs


BuildLogs = Annotated[str, Depends(read_build_logs)]


Since = Annotated[datetime | None, Query(description="A time with its zone, or UNIX seconds.")]


def read_runtime_logs(
    job: ReadableJob, services: ServicesDep, tail: Count = 20, since: Since = None
) -> str:
    """Return the last lines that a job logged, or those among them that are not older than a time."""
    monitor = _get_target(job, services).job_monitor
    if monitor is None:
        raise ServiceUnavailable(f"the infrastructure target of job {job} shows no logs")
    with wrap_context(f"reading the log of job {job}"):
        if since is None:
            return monitor.read_recent_logs(job, tail)
        return monitor.read_logs_since(job, since.astimezone(UTC), tail)


RuntimeLogs = Annotated[str, Depends(read_runtime_logs)]


@router.get("/logs")
def get_logs(logs: RuntimeLogs) -> LogsPayload:
    """Show the last lines that a job logged."""
    return LogsPayload(logs=logs)


@router.get("/logs/plain", response_class=PlainTextResponse)
def get_plain_logs(logs: RuntimeLogs) -> str:
    """Show the last lines that a job logged, as text without colours."""
    return strip_colours(logs)


@router.get("/logs/follow", response_class=StreamingResponse)
async def follow_logs(
    job: ReadableJob, services: ServicesDep, tail: Count = 20, since: Since = None
) -> StreamingResponse:
    """Stream the log of a job as server-sent events, a JSON string each line; first the last lines, or those since a time."""
    log = services.logs.open(job, EarlierLines(str(tail), since))
    return StreamingResponse(
        stream_lines(log),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.get("/build-logs")
def get_build_logs(logs: BuildLogs, tail: Count = 0) -> LogsPayload:
    """Show the log of the newest build of a job."""
    return LogsPayload(logs=keep_tail(logs, tail))


@router.get("/build-logs/plain", response_class=PlainTextResponse)
def get_plain_build_logs(logs: BuildLogs, tail: Count = 0) -> str:
    """Show the log of the newest build of a job, as text without colours."""
    return strip_colours(keep_tail(logs, tail))


def _find_newest_deployment(uow: UnitOfWork, job_name: str, version: str) -> DeploymentDto | None:
    """Return the last deployment of that version or alias, of which no job has come."""
    exact = "" if is_alias(version) else version
    found = uow.deployments.list_newest(_RECENT_DEPLOYMENTS, job_name, exact)
    return next((each for each in found if exact or may_mean(version, each.job_version)), None)


def _get_target(job: JobDto, services: LifecycleServices) -> InfrastructureTarget:
    return services.infrastructure.get(job.infrastructure_target or "")
