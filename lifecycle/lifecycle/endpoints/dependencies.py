"""Dependencies of routes: services, units of work, and guards that check the caller."""

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from anyio import CancelScope, CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Query, Request
from racetrack_client.entities import AuthScope
from racetrack_commons.api.guard_first import GuardFirstRoute
from racetrack_commons.auth.cookies import PANEL_COOKIE
from racetrack_commons.auth.instance_proof import SERVICE_HEADER
from racetrack_commons.auth.token import AuthSubjectType, find_auth_token
from racetrack_commons.entities.dto import JobDto
from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from lifecycle.auth.authenticate import Authenticator, AuthSubject
from lifecycle.auth.authorize import (
    NotPermitted,
    check_internal_unlimited,
    check_job,
    check_scope,
    is_gateway,
)
from lifecycle.auth.browser_sessions import BrowserSessions, SessionPurpose
from lifecycle.auth.tokens import Tokens
from lifecycle.auth.users import Users
from lifecycle.core import Core
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.deployment.wiring import DeploymentServices
from lifecycle.endpoints.route_threads import RouteThreads
from lifecycle.event_stream.changes import ChangeFeed
from lifecycle.event_stream.followed_logs import LogSources
from lifecycle.event_stream.gateways import GatewayStreams
from lifecycle.job.job_texts import JobTexts
from lifecycle.job.versions import find_job, require_found
from lifecycle.maintenance import check_no_maintenance
from lifecycle.record_editor import RecordEditor


@dataclass(frozen=True)
class LifecycleServices(Core):
    """The core of a running Lifecycle, and what its routes use besides."""

    authenticator: Authenticator
    sessions: BrowserSessions
    users: Users
    tokens: Tokens
    threads: RouteThreads
    changes: ChangeFeed
    gateways: GatewayStreams
    logs: LogSources
    deployments: DeploymentServices
    records: RecordEditor
    job_texts: JobTexts


async def get_services(request: Request) -> LifecycleServices:
    """Return the parts of the running Lifecycle."""
    services: LifecycleServices = request.app.state.services
    return services


_Admitted = TypeVar("_Admitted")
ServicesDep = Annotated[LifecycleServices, Depends(get_services)]
Count = Annotated[int, Query(ge=0, le=2**31 - 1)]
"""A number of rows or lines in a query; databases and deques accept no larger one."""


def open_unit_of_work(services: ServicesDep) -> Iterator[UnitOfWork]:
    """Open a unit of work that is committed before the answer is sent."""
    with services.unit_of_work() as uow:
        yield uow


async def open_reading(services: ServicesDep) -> AsyncIterator[UnitOfWork]:
    """Open a unit of work that only reads. It takes no thread: it connects when the endpoint asks it something."""
    with services.unit_of_work.reading() as uow:
        try:
            yield uow
        finally:
            if uow.session.in_transaction():  # It was not ended by the route.
                await _run_at_once(uow.session.close)


UnitOfWorkDep = Annotated[UnitOfWork, Depends(open_unit_of_work, scope="function")]
ReadingDep = Annotated[UnitOfWork, Depends(open_reading, scope="function")]


@dataclass(frozen=True)
class EndpointGuard(Generic[_Admitted]):
    """A guard that the route asks in the thread of the endpoint, which gets the guard's answer in its place.

    It may share the endpoint's unit of work: a guard in a thread of its own would hold a connection while the endpoint
    waits for a thread, which other guards hold while they wait for a connection.
    """

    uow: UnitOfWork
    ask: Callable[[], _Admitted]


class CommittingRoute(GuardFirstRoute):
    """A route that ends the endpoint's unit of work when the endpoint returns, and reads a body after its guards.

    FastAPI would end it later: it validates the answer first, in any free thread. Meanwhile the transaction
    would hold SQLite's lock, and under load all threads would wait for that lock.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, _committing(endpoint), **options)

    @classmethod
    def is_guard(cls, dependency: Callable[..., Any]) -> bool:
        """Return whether the dependency checks the caller, or that callers are served at all."""
        return dependency in _GUARDS or isinstance(dependency, (ScopePermission, JobPermission))


STRANGERS_BODY_BYTES = 64 * 1024
"""The limit of bodies that callers without a token may send."""


def make_router(prefix: str, tag: str, max_body_size: int | None = None) -> APIRouter:
    """Make a router whose routes end their units of work; it has the body limit of the service unless another is given."""
    return APIRouter(
        prefix=prefix, tags=[tag], route_class=CommittingRoute, max_body_size=max_body_size
    )


def check_maintenance(services: ServicesDep) -> None:
    """Refuse requests in maintenance mode."""
    with services.unit_of_work.reading() as uow:
        check_no_maintenance(uow)


NotInMaintenance = Depends(check_maintenance)
"""For routes that change jobs: `dependencies=[NotInMaintenance]`."""


def is_of_known_caller(sessions: BrowserSessions, headers: Headers) -> bool:
    """Return whether the headers of a request show a token or a session that this platform has signed, valid or not."""
    cookies = cookie_parser(headers.get("cookie", ""))
    shown = (find_auth_token(headers), headers.get(SERVICE_HEADER), cookies.get(PANEL_COOKIE))
    is_anyone_known = not sessions.authenticator.auth_required
    return is_anyone_known or any(sessions.is_signed(each) for each in shown if each)


async def read_auth_token(request: Request) -> str | None:
    """Return the auth token of the request, or None."""
    return find_auth_token(request.headers)


AuthToken = Annotated[str | None, Depends(read_auth_token)]


def authenticate(token: AuthToken, services: ServicesDep) -> AuthSubject:
    """Return the caller; raises InvalidToken."""
    return services.sessions.authenticate(token, SessionPurpose.DASHBOARD)


KnownSubject = Annotated[AuthSubject, Depends(authenticate)]
"""Not a guard: the token is valid, but a service's token may be limited to scopes."""


async def require_unlimited_subject(subject: KnownSubject) -> AuthSubject:
    """Return the caller of any kind; raises NotPermitted for a service that is limited to scopes."""
    check_internal_unlimited(subject)
    return subject


CurrentSubject = Annotated[AuthSubject, Depends(require_unlimited_subject)]
"""Guard `any`: any valid token."""


async def require_user(subject: CurrentSubject) -> AuthSubject:
    """Return the caller, who must be a user; raises NotPermitted."""
    if subject.subject_type is not AuthSubjectType.USER:
        raise NotPermitted("only users may do this, not services, ESCs or job families")
    return subject


UserSubject = Annotated[AuthSubject, Depends(require_user)]
"""Guard `user`."""


async def require_gateway(subject: KnownSubject) -> AuthSubject:
    """Return the caller, which must be a service that passes calls on; raises NotPermitted."""
    if not is_gateway(subject) and not subject.is_unlimited:
        raise NotPermitted("only services of the platform that pass calls on may do this")
    return subject


GatewaySubject = Annotated[AuthSubject, Depends(require_gateway)]
"""Guard `gateway`."""


def require_async_caller(subject: KnownSubject, services: ServicesDep) -> AuthSubject:
    """Return the caller: a gateway, or an administrator, as older gateways show the token of one; raises NotPermitted."""
    if not is_gateway(subject):
        with services.unit_of_work.reading() as uow:
            check_scope(uow, subject, AuthScope.CALL_ADMIN_API)
    return subject


AsyncCaller = Annotated[AuthSubject, Depends(require_async_caller)]
"""Guard `async`."""


def require_staff_user(user: UserSubject, services: ServicesDep) -> AuthSubject:
    """Return the caller, who must be staff; raises NotPermitted."""
    if user.is_unlimited:
        return user
    with services.unit_of_work.reading() as uow:
        row = uow.users.find(user.name)
    if row is None or not row.is_active or not row.is_staff:
        raise NotPermitted(f"user {user.name} is not one of the staff: ask an admin")
    return user


StaffUser = Annotated[AuthSubject, Depends(require_staff_user)]
"""Guard `staff`."""


class ScopePermission:
    """Guard `scope(X)`: a permission of that scope on anything."""

    def __init__(self, scope: AuthScope) -> None:
        self._scope = scope

    def __call__(self, subject: KnownSubject, services: ServicesDep) -> AuthSubject:
        """Return the caller; raises NotPermitted."""
        with services.unit_of_work.reading() as uow:
            check_scope(uow, subject, self._scope)
        return subject


class JobPermission:
    """Guard `job(X)`: a permission on the job in the path, whose version may be an alias."""

    def __init__(self, scope: AuthScope) -> None:
        self._scope = scope

    def __call__(
        self, job_name: str, job_version: str, subject: KnownSubject, services: ServicesDep
    ) -> JobDto:
        """Return the job; raises NotPermitted or EntityNotFound."""
        with services.unit_of_work.reading() as uow, services.metrics.job_fetch_duration.time():
            job = find_job(uow, job_name, job_version)
            check_job(uow, subject, job_name, job, self._scope)
        return require_found(job, job_name, job_version)


class ExactJobPermission(JobPermission):
    """Guard `job(X)` on routes that accept no alias: `latest` can't be deleted."""

    def __call__(
        self, job_name: str, job_version: str, subject: KnownSubject, services: ServicesDep
    ) -> JobDto:
        """Return the job; raises NotPermitted or EntityNotFound."""
        job = super().__call__(job_name, job_version, subject, services)
        exact = job if job.version == job_version else None
        return require_found(exact, job_name, job_version)


Reader = Annotated[AuthSubject, Depends(ScopePermission(AuthScope.READ_JOB))]
Administrator = Annotated[AuthSubject, Depends(ScopePermission(AuthScope.CALL_ADMIN_API))]
ReadableJob = Annotated[JobDto, Depends(JobPermission(AuthScope.READ_JOB))]
DeployableJob = Annotated[JobDto, Depends(ExactJobPermission(AuthScope.DEPLOY_JOB))]
DeletableJob = Annotated[JobDto, Depends(ExactJobPermission(AuthScope.DELETE_JOB))]


_GUARDS = (
    check_maintenance,
    authenticate,
    require_unlimited_subject,
    require_user,
    require_gateway,
    require_async_caller,
    require_staff_user,
)


async def _run_at_once(function: Callable[[], None]) -> None:
    """Call a function in a thread, though all threads of routes be busy, and though the request be cancelled."""
    with CancelScope(shield=True):
        await to_thread.run_sync(function, limiter=CapacityLimiter(1))


def _committing(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(endpoint):  # It would block the event loop anyway, and has none.
        return endpoint

    @functools.wraps(endpoint)
    def call(**arguments: Any) -> Any:
        units = [unit for each in arguments.values() if (unit := _find_unit(each))]
        try:
            answer = endpoint(**{name: _admit(value) for name, value in arguments.items()})
        except BaseException:
            for unit in units:
                unit.session.close()  # Here, and not in the event loop.
            raise
        for unit in units:
            unit.commit()
        return answer

    return call


def _find_unit(argument: Any) -> UnitOfWork | None:
    found = argument.uow if isinstance(argument, EndpointGuard) else argument
    return found if isinstance(found, UnitOfWork) else None


def _admit(argument: Any) -> Any:
    return argument.ask() if isinstance(argument, EndpointGuard) else argument
