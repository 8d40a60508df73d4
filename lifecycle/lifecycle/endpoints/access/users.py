"""Routes of people: login, logout, registration, passwords, and accounts as staff manages them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field, SecretStr, TypeAdapter
from racetrack_client.entities import AuthScope
from racetrack_commons.entities.dto import UnixSeconds
from racetrack_commons.entities.job_session import JobSession
from starlette.concurrency import run_in_threadpool

from lifecycle.auth.authorize import NotPermitted
from lifecycle.auth.browser_sessions import SessionPurpose
from lifecycle.auth.password_check import LoginCredentials
from lifecycle.auth.users import RightsChange, change_rights, check_may_set_password
from lifecycle.domain.auth import UserDto
from lifecycle.endpoints.access.browser import trace_client_address
from lifecycle.endpoints.access.cookies import (
    are_jobs_over_https,
    delete_cookies,
    set_login_cookies,
)
from lifecycle.endpoints.dependencies import (
    AuthToken,
    CommittingRoute,
    ReadingDep,
    ServicesDep,
    StaffUser,
    UnitOfWorkDep,
    UserSubject,
)
from lifecycle.endpoints.lists.paging import ANSWERS, WantedPage, answer_models, cut_page

router = APIRouter(
    prefix="/api/v1/users",
    tags=["users"],
    route_class=CommittingRoute,
    max_body_size=64 * 1024,  # Strangers may send these.
)
PasswordText = Annotated[SecretStr, Field(max_length=4096)]
"""Longer than any password that is accepted; hashing megabytes would delay other requests."""


class CredentialsPayload(BaseModel):
    """Name and password."""

    username: str
    password: PasswordText


class ChangePasswordPayload(BaseModel):
    """The present password, and the new one."""

    old_password: PasswordText
    new_password: PasswordText


class UserProfileDto(BaseModel):
    """The user who is logged in."""

    username: str
    token: str
    is_staff: bool


class AccountPayload(BaseModel):
    """The account of a person."""

    username: str
    email: str
    is_active: bool
    is_staff: bool
    is_superuser: bool
    date_joined: UnixSeconds
    last_login: UnixSeconds | None


class NewAccountPayload(BaseModel):
    """A user to add; without a password, one is generated."""

    username: str
    password: PasswordText | None = None


class AddedAccountPayload(AccountPayload):
    """The user who was added."""

    password: str | None
    """The generated password, which is told this once; null when one was given."""


_ACCOUNTS = TypeAdapter(list[AccountPayload])


class RightsPayload(BaseModel):
    """The rights to change; a right that is null stays as it is."""

    is_active: bool | None = None
    is_staff: bool | None = None
    is_superuser: bool | None = None


class PasswordPayload(BaseModel):
    """A new password."""

    new_password: PasswordText


def read_client_address(request: Request, token: AuthToken, services: ServicesDep) -> str:
    """Return the address of the client, which a service such as PUB forwards."""
    return trace_client_address(
        request,
        services.config.trusted_proxies,
        is_sender_trusted=services.authenticator.is_of_service(token, AuthScope.CALL_JOB),
    )


ClientAddress = Annotated[str, Depends(read_client_address)]


def read_credentials(payload: CredentialsPayload, address: ClientAddress) -> LoginCredentials:
    """Return the name and password of a log-in, and the address that it comes from."""
    return LoginCredentials(payload.username, payload.password.get_secret_value(), address)


Credentials = Annotated[LoginCredentials, Depends(read_credentials)]


@router.get("/validate_user_auth")
def validate_user_auth(user: UserSubject, token: AuthToken, uow: ReadingDep) -> UserProfileDto:
    """Check the token and show its user."""
    if user.is_anonymous:
        return UserProfileDto(username=user.name, token="", is_staff=True)
    is_staff = uow.users.get(user.name).is_staff
    return UserProfileDto(username=user.name, token=token or "", is_staff=is_staff)


@router.post("/login")
async def log_in(
    credentials: Credentials, services: ServicesDep, request: Request, response: Response
) -> UserProfileDto:
    """Log in with name and password."""
    profile = await services.threads.run_with_password(services.users.log_in, credentials)
    await run_in_threadpool(set_login_cookies, request, response, profile.token, services)
    return UserProfileDto(username=profile.username, token=profile.token, is_staff=profile.is_staff)


@router.post("/job_session")
async def open_job_session(credentials: Credentials, services: ServicesDep) -> JobSession:
    """Log in with name and password to call jobs, and for nothing else: the log-in page of PUB."""
    profile = await services.threads.run_with_password(services.users.log_in, credentials)
    return JobSession(
        session=await run_in_threadpool(services.sessions.open, profile.token, SessionPurpose.JOBS),
        lifetime_seconds=services.sessions.lifetime_seconds,
        is_secure=are_jobs_over_https(services.config),
    )


@router.get("/logout", response_class=Response)
def log_out(services: ServicesDep) -> Response:
    """Delete all sessions from the browser."""
    response = Response()
    delete_cookies(response, services.config)
    return response


@router.post("/register")
async def register(
    payload: CredentialsPayload, address: ClientAddress, services: ServicesDep
) -> None:
    """Ask for an account; staff has to activate it."""
    if not services.config.allow_registration:
        raise NotPermitted("registration is turned off here: ask an admin for an account")
    password = payload.password.get_secret_value()
    run = services.threads.passwords.run
    await run(services.users.begin_registration, address)
    await run(services.users.register, payload.username, password)


@router.put("/change_password")
async def change_password(
    payload: ChangePasswordPayload,
    user: UserSubject,
    address: ClientAddress,
    services: ServicesDep,
) -> None:
    """Replace the password of the calling user."""
    old, new = payload.old_password.get_secret_value(), payload.new_password.get_secret_value()
    credentials = LoginCredentials(user.name, old, address)
    await services.threads.run_with_password(services.users.change_password, credentials, new)


@router.get("", response_model=list[AccountPayload], responses=ANSWERS)
def list_accounts(_: StaffUser, wanted: WantedPage, uow: ReadingDep, request: Request) -> Response:
    """List the accounts of all users."""
    accounts = [_to_payload(user) for user in uow.users.list_all()]
    page = cut_page(accounts, wanted, lambda account: [account.username, account.email])
    return answer_models(request, _ACCOUNTS, *page)


@router.post("")
def add_account(
    payload: NewAccountPayload, staff: StaffUser, services: ServicesDep
) -> AddedAccountPayload:
    """Add an active user, who may do nothing until permissions are granted."""
    password = payload.password.get_secret_value() if payload.password else None
    generated = services.users.add(payload.username, password, staff.name)
    with services.unit_of_work.reading() as uow:
        account = _to_payload(uow.users.get(payload.username))
    return AddedAccountPayload(**account.model_dump(), password=generated)


@router.put("/{username}")
def change_account(
    username: str,
    payload: RightsPayload,
    staff: StaffUser,
    services: ServicesDep,
    uow: UnitOfWorkDep,
) -> AccountPayload:
    """Activate or deactivate a user; superusers may also make users staff."""
    change = RightsChange(payload.is_active, payload.is_staff, payload.is_superuser)
    return _to_payload(change_rights(uow, username, change, staff, services.clock.now()))


@router.put("/{username}/password")
def set_password(
    username: str, payload: PasswordPayload, staff: StaffUser, services: ServicesDep
) -> None:
    """Replace the password of a user who has forgotten it."""
    with services.unit_of_work.reading() as uow:
        check_may_set_password(uow, uow.users.get(username), staff)
    services.users.set_password(username, payload.new_password.get_secret_value(), staff.name)


def _to_payload(user: UserDto) -> AccountPayload:
    return AccountPayload.model_validate(user, from_attributes=True)
