"""Routes of log-in and log-out: programs get a token, browsers get sessions."""

import hmac
from typing import Annotated

from fastapi import Depends, Request, Response
from pydantic import BaseModel, Field, SecretStr
from racetrack_client.entities import AuthScope
from racetrack_commons.auth.token import FORWARDING_HEADER
from racetrack_commons.entities.sessions import (
    CurrentUser,
    DashboardSession,
    EndedJobSession,
    JobSession,
)
from starlette.concurrency import run_in_threadpool

from lifecycle.auth.authorize import list_global_scopes
from lifecycle.auth.browser_sessions import SessionPurpose
from lifecycle.auth.password_check import LoginCredentials
from lifecycle.endpoints.access.browser import trace_client_address
from lifecycle.endpoints.access.cookies import (
    are_jobs_over_https,
    delete_cookies,
    list_shown_sessions,
    set_login_cookies,
)
from lifecycle.endpoints.dependencies import (
    STRANGERS_BODY_BYTES,
    AuthToken,
    GatewaySubject,
    ReadingDep,
    ServicesDep,
    UserSubject,
    make_router,
)

router = make_router("/api/v1/users", "users", max_body_size=STRANGERS_BODY_BYTES)
PasswordText = Annotated[SecretStr, Field(max_length=4096)]
"""Longer than any password that is accepted; hashing megabytes would delay other requests."""


class CredentialsPayload(BaseModel):
    """Name and password."""

    username: str
    password: PasswordText


class UserProfileDto(BaseModel):
    """The user who is logged in."""

    username: str
    token: str
    is_staff: bool


async def read_client_address(request: Request, token: AuthToken, services: ServicesDep) -> str:
    """Return the address of the client, which a service such as PUB forwards, or a dashboard with the key for this."""
    config = services.config
    is_service = services.authenticator.is_of_service(token, AuthScope.CALL_JOB)
    return trace_client_address(
        request,
        config.trusted_proxies,
        is_sender_trusted=is_service or _shows_key(request, config.forwarding_key),
    )


def _shows_key(request: Request, key: SecretStr | None) -> bool:
    shown = request.headers.get(FORWARDING_HEADER, "")
    return key is not None and hmac.compare_digest(shown.encode(), key.get_secret_value().encode())


ClientAddress = Annotated[str, Depends(read_client_address)]


async def read_credentials(payload: CredentialsPayload, address: ClientAddress) -> LoginCredentials:
    """Return the name and password of a log-in, and the address that it comes from."""
    return LoginCredentials(payload.username, payload.password.get_secret_value(), address)


Credentials = Annotated[LoginCredentials, Depends(read_credentials)]


@router.get("/validate_user_auth")
def validate_user_auth(user: UserSubject, token: AuthToken, uow: ReadingDep) -> UserProfileDto:
    """Check the token and show its user; the token is empty for a caller that shows a session."""
    if user.is_anonymous:
        return UserProfileDto(username=user.name, token="", is_staff=True)
    is_staff = uow.users.get(user.name).is_staff
    shown = token if token and user.session_id is None else ""
    return UserProfileDto(username=user.name, token=shown, is_staff=is_staff)


@router.get("/me")
def get_current_user(user: UserSubject, uow: ReadingDep) -> CurrentUser:
    """Show the calling user, and what the user may do on everything."""
    account = None if user.is_anonymous else uow.users.get(user.name)
    return CurrentUser(
        username=user.name,
        is_staff=account is None or account.is_staff,
        is_superuser=account is None or account.is_superuser,
        scopes_on_everything=list_global_scopes(uow, user),
    )


@router.post("/login")
async def log_in(
    credentials: Credentials, services: ServicesDep, request: Request, response: Response
) -> UserProfileDto:
    """Log in with name and password."""
    logged_in = await services.threads.run_with_password(services.users.log_in, credentials)
    await run_in_threadpool(set_login_cookies, request, response, logged_in.token, services)
    return UserProfileDto(
        username=logged_in.user.username, token=logged_in.token, is_staff=logged_in.user.is_staff
    )


@router.post("/job_session")
async def open_job_session(credentials: Credentials, services: ServicesDep) -> JobSession:
    """Log in with name and password to call jobs, and for nothing else: the log-in page of PUB."""
    logged_in = await services.threads.run_with_password(services.users.log_in, credentials)
    purposes = [SessionPurpose.JOBS]
    opened = await run_in_threadpool(services.sessions.open, logged_in.token, purposes)
    return JobSession(
        session=opened[SessionPurpose.JOBS],
        lifetime_seconds=services.sessions.lifetime_seconds,
        is_secure=are_jobs_over_https(services.config),
    )


@router.delete("/job_session", status_code=204)
def end_job_session(ended: EndedJobSession, _: GatewaySubject, services: ServicesDep) -> None:
    """End the session that a browser has shown to PUB's log-out, with all others of the same log-in."""
    services.sessions.end([ended.session])


@router.post("/dashboard_session")
async def open_dashboard_session(
    credentials: Credentials, services: ServicesDep
) -> DashboardSession:
    """Log in with name and password to the dashboard, which calls this API and jobs for its visitor."""
    logged_in = await services.threads.run_with_password(services.users.log_in, credentials)
    purposes = [SessionPurpose.DASHBOARD, SessionPurpose.JOBS]
    opened = await run_in_threadpool(services.sessions.open, logged_in.token, purposes)
    return DashboardSession(
        username=logged_in.user.username,
        is_staff=logged_in.user.is_staff,
        is_superuser=logged_in.user.is_superuser,
        session=opened[SessionPurpose.DASHBOARD],
        job_session=opened[SessionPurpose.JOBS],
        lifetime_seconds=services.sessions.lifetime_seconds,
    )


@router.delete("/dashboard_session", status_code=204)
def end_dashboard_session(session: AuthToken, services: ServicesDep) -> None:
    """End the session in the header `X-Racetrack-Auth`, with all others of the same log-in."""
    services.sessions.end([session or ""])


@router.get("/logout", response_class=Response)
def log_out(request: Request, services: ServicesDep) -> Response:
    """End the sessions in the cookies of the request, and delete all sessions from the browser."""
    services.sessions.end(list_shown_sessions(request))
    response = Response()
    delete_cookies(response, services.config)
    return response
