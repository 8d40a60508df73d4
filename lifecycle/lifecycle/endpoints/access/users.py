"""Routes of accounts: registration, passwords, and what staff manages."""

from fastapi import Request, Response
from pydantic import BaseModel, TypeAdapter
from racetrack_commons.entities.dto import UnixSeconds

from lifecycle.auth.authorize import NotPermitted
from lifecycle.auth.password_check import LoginCredentials
from lifecycle.auth.users import RightsChange, change_rights, check_may_set_password
from lifecycle.domain.auth import UserDto
from lifecycle.endpoints.access.sessions import (
    ClientAddress,
    CredentialsPayload,
    PasswordText,
)
from lifecycle.endpoints.dependencies import (
    STRANGERS_BODY_BYTES,
    ReadingDep,
    ServicesDep,
    StaffUser,
    UnitOfWorkDep,
    UserSubject,
    make_router,
)
from lifecycle.endpoints.lists.answers import ANSWERS, answer_models, cut_page
from lifecycle.endpoints.lists.queries import WantedPage

router = make_router("/api/v1/users", "users", max_body_size=STRANGERS_BODY_BYTES)


class ChangePasswordPayload(BaseModel):
    """The present password, and the new one."""

    old_password: PasswordText
    new_password: PasswordText


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


@router.post("/register")
async def register(
    payload: CredentialsPayload, address: ClientAddress, services: ServicesDep
) -> None:
    """Ask for an account; staff has to activate it."""
    if not services.config.allow_registration:
        raise NotPermitted("registration is turned off here: ask an admin for an account")
    password = payload.password.get_secret_value()
    await services.threads.wait_to_register(address)
    run = services.threads.registrations.run
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
