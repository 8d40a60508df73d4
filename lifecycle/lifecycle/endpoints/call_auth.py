"""Routes that answer PUB: who may call which job."""

from fastapi import APIRouter
from fastapi.responses import Response
from racetrack_commons.auth.scope import AuthScope
from racetrack_commons.entities.dto import JobCallAuthData, JobDto

from lifecycle.auth.authorize import check_endpoint, check_job
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.endpoints.dependencies import (
    AuthToken,
    ReadingDep,
    ServicesDep,
    check_found,
    find_job,
)
from lifecycle.endpoints.presenting import with_pub_url
from lifecycle.endpoints.services import Services
from lifecycle.maintenance import check_no_maintenance

router = APIRouter(prefix="/api/v1/auth", tags=["API"])

_OPEN_ENDPOINTS = {"/live", "/ready", "/health"}


@router.get("/can-call-job/{job_name}/{job_version}", response_model=JobCallAuthData)
@router.get("/can-call-job/{job_name}/{job_version}/{endpoint:path}")
def can_call_job(
    job_name: str, job_version: str, token: AuthToken, services: ServicesDep, endpoint: str = ""
) -> JobCallAuthData:
    """Tell PUB whether the holder of a token may call an endpoint of a job."""
    path = normalize_endpoint(endpoint)
    with services.unit_of_work.reading() as uow, services.metrics.job_fetch_duration.time():
        check_no_maintenance(uow)
        job = check_found(find_job(uow, job_name, job_version), job_name, job_version)
        is_open = path in _OPEN_ENDPOINTS or _is_public(uow, job, path)
    if is_open:
        return _to_answer(job, None, services)
    # Not inside the unit of work above: a thread that holds one connection and waits for another
    # can wait forever for threads that do the same.
    subject = services.authenticator.authenticate(token)
    with services.unit_of_work.reading() as uow:
        check_endpoint(uow, subject, job, path, AuthScope.CALL_JOB)
    return _to_answer(job, subject.caller, services)


@router.get("/allowed/job/{job_name}/{job_version}/scope/{scope}", status_code=202)
def is_allowed_on_job(
    job_name: str,
    job_version: str,
    scope: AuthScope,
    token: AuthToken,
    services: ServicesDep,
    uow: ReadingDep,
) -> Response:
    """Tell whether the holder of the token has the scope on a job."""
    subject = services.authenticator.authenticate(token)
    check_job(uow, subject, job_name, find_job(uow, job_name, job_version), scope)
    return Response(status_code=202)


@router.get(
    "/allowed/job_endpoint/{job_name}/{job_version}/scope/{scope}/endpoint/{endpoint:path}",
    status_code=202,
)
def is_allowed_on_endpoint(  # noqa: PLR0913 - four of them are the path
    job_name: str,
    job_version: str,
    scope: AuthScope,
    endpoint: str,
    token: AuthToken,
    services: ServicesDep,
    uow: ReadingDep,
) -> Response:
    """Tell whether the holder of the token has the scope on an endpoint of a job."""
    subject = services.authenticator.authenticate(token)
    job = check_found(find_job(uow, job_name, job_version), job_name, job_version)
    check_endpoint(uow, subject, job, normalize_endpoint(endpoint), scope)
    return Response(status_code=202)


def normalize_endpoint(endpoint: str) -> str:
    """Give a path one leading slash, and take one trailing slash from it."""
    return "/" + endpoint.removesuffix("/").removeprefix("/")


def is_below(endpoint: str, public: str) -> bool:
    """Tell whether an endpoint is the public one, or a path below it."""
    prefix = normalize_endpoint(public).rstrip("/")
    return endpoint == prefix or endpoint.startswith(f"{prefix}/")


def _is_public(uow: UnitOfWork, job: JobDto, endpoint: str) -> bool:
    active = uow.public_endpoints.list_active(job.name, job.version)
    return any(is_below(endpoint, public) for public in active)


def _to_answer(job: JobDto, caller: str | None, services: Services) -> JobCallAuthData:
    target = services.infrastructure.targets().get(job.infrastructure_target or "")
    return JobCallAuthData(
        job=with_pub_url(job, services.config),
        caller=caller,
        remote_gateway_url=(target.remote_gateway_url or None) if target else None,
        remote_gateway_token=(target.remote_gateway_token or None) if target else None,
    )
