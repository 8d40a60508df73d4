"""Routes by which PUB asks whether a caller may call a job."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Header
from fastapi.responses import JSONResponse, Response
from racetrack_client.entities import AuthScope
from racetrack_client.log.errors import UnauthorizedError
from racetrack_commons.auth.instance_proof import SERVICE_HEADER
from racetrack_commons.entities.dto import JobCallAuthData, JobDto

from lifecycle.auth.authenticate import AuthSubject, InvalidToken
from lifecycle.auth.authorize import (
    check_allowed,
    decide_endpoint,
    decide_wanted,
    decide_without_caller,
)
from lifecycle.auth.browser_sessions import SessionPurpose
from lifecycle.auth.permissions import Effect, Wanted, normalize_endpoint
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.instance import JobInstance
from lifecycle.endpoints.dependencies import (
    AuthToken,
    LifecycleServices,
    ReadingDep,
    ServicesDep,
    make_router,
)
from lifecycle.endpoints.presenting import with_pub_url
from lifecycle.job.versions import find_job, find_job_to_call, require_found
from lifecycle.maintenance import check_no_maintenance

router = make_router("/api/v1/auth", "calls")
ServiceToken = Annotated[str | None, Header(alias=SERVICE_HEADER, include_in_schema=False)]


@dataclass(frozen=True)
class Asker:
    """The caller of a job, and the gateway that asks on the caller's behalf."""

    token: str | None = field(repr=False)
    service_token: str | None = field(repr=False)


@dataclass(frozen=True)
class CallableJob:
    """A job, and its instance that receives the calls."""

    job: JobDto
    instance: JobInstance | None


@router.get("/can-call-job/{job_name}/{job_version}", response_model=JobCallAuthData)
@router.get(
    "/can-call-job/{job_name}/{job_version}/{endpoint:path}", response_model=JobCallAuthData
)
async def can_call_job(
    job_name: str,
    job_version: str,
    token: AuthToken,
    services: ServicesDep,
    service_token: ServiceToken = None,
    endpoint: str = "",
) -> JobCallAuthData | Response:
    """Tell PUB whether the holder of a token may call an endpoint of a job."""
    asker = Asker(token, service_token)
    asked = AskedCall(job_name, job_version, normalize_endpoint(endpoint), asker)
    return await services.threads.calls.run(_decide_call, asked, services)


@dataclass(frozen=True)
class AskedCall:
    """The call about which PUB asks."""

    job_name: str
    job_version: str
    path: str
    asker: Asker


def _decide_call(asked: AskedCall, services: LifecycleServices) -> JobCallAuthData | Response:
    name, version, path = asked.job_name, asked.job_version, asked.path
    with services.unit_of_work.reading() as uow, services.metrics.job_fetch_duration.time():
        check_no_maintenance(uow)
        job = require_found(find_job_to_call(uow, name, version), name, version)
        called = CallableJob(job, uow.instances.find_serving(job.name, job.version))
        decision = decide_without_caller(uow, job, path)
    try:
        if decision.effect is not Effect.CONTINUE:
            check_allowed(decision)
            return _to_answer(called, None, asked.asker, services)
        caller = _require_permitted_caller(job, path, asked.asker.token, services)
        return _to_answer(called, caller, asked.asker, services)
    except UnauthorizedError as error:
        return _refuse(error, services)


@dataclass(frozen=True)
class ScopeOnJob:
    """The part of the path that names a scope and a job."""

    job_name: str
    job_version: str
    scope: AuthScope


AskedScope = Annotated[ScopeOnJob, Depends()]


@router.get(
    "/allowed/job/{job_name}/{job_version}/scope/{scope}", status_code=202, response_class=Response
)
def is_allowed_on_job(
    asked: AskedScope, token: AuthToken, services: ServicesDep, uow: ReadingDep
) -> Response:
    """Tell whether the holder of the token has the scope on a job."""
    return _answer_with_status(uow, asked, None, token, services)


@router.get(
    "/allowed/job_endpoint/{job_name}/{job_version}/scope/{scope}/endpoint/{endpoint:path}",
    status_code=202,
    response_class=Response,
)
def is_allowed_on_endpoint(
    asked: AskedScope, endpoint: str, token: AuthToken, services: ServicesDep, uow: ReadingDep
) -> Response:
    """Tell whether the holder of the token has the scope on an endpoint of a job."""
    return _answer_with_status(uow, asked, normalize_endpoint(endpoint), token, services)


def _answer_with_status(
    uow: UnitOfWork,
    asked: ScopeOnJob,
    endpoint: str | None,
    token: str | None,
    services: LifecycleServices,
) -> Response:
    try:
        subject = services.sessions.authenticate(token, SessionPurpose.DASHBOARD)
        job = find_job(uow, asked.job_name, asked.job_version)
        wanted = Wanted(asked.scope, asked.job_name, job, endpoint)
        check_allowed(decide_wanted(uow, subject, wanted))
    except UnauthorizedError as error:
        return _refuse(error, services)
    return Response(status_code=202)


def _require_permitted_caller(
    job: JobDto, path: str, token: str | None, services: LifecycleServices
) -> AuthSubject:
    # Not inside the unit of work of the route: a thread that holds one connection and waits
    # for another can wait forever for threads that do the same.
    subject = services.sessions.authenticate(token, SessionPurpose.JOBS)
    with services.unit_of_work.reading() as uow:
        check_allowed(decide_endpoint(uow, subject, AuthScope.CALL_JOB, job, path))
    return subject


def _refuse(error: UnauthorizedError, services: LifecycleServices) -> Response:
    """Answer 401; PUB passes the reason on to the callers of jobs.

    A caller that proved its identity is told what it lacks; the fault of a token is told only if `auth_debug` is on.
    """
    reason = str(error)
    if isinstance(error, InvalidToken) and not services.config.auth_debug:
        reason = "the auth token is missing, or not valid"
    content = {"error": reason, "type": type(error).__name__}
    return JSONResponse(content, status_code=401)


def _to_answer(
    called: CallableJob, caller: AuthSubject | None, asker: Asker, services: LifecycleServices
) -> JobCallAuthData:
    job, secret = called.job, None
    # Callers may ask, too, and a caller that knew the secret could go around the gateway.
    if called.instance and services.authenticator.is_of_service(
        asker.service_token, AuthScope.CALL_JOB
    ):
        secret = services.secret_box.make_shown_secret(called.instance)
    target = services.infrastructure.collect_targets().get(job.infrastructure_target or "")
    expires_at = caller.expires_at if caller else None
    left = expires_at - services.clock.now() if expires_at else None
    return JobCallAuthData(
        job=with_pub_url(job, services.config),
        caller=caller.caller if caller else None,
        remote_gateway_url=(target.remote_gateway_url or None) if target else None,
        remote_gateway_token=(target.remote_gateway_token or None) if target else None,
        # Not the time itself: PUB's clock may be another one.
        valid_seconds=max(0.0, left.total_seconds()) if left is not None else None,
        instance_secret=secret or None,
    )
