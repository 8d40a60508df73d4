"""Routes by which staff looks after the accounts of people."""

from fastapi import APIRouter
from pydantic import BaseModel
from racetrack_commons.entities.dto import UnixSeconds

from lifecycle.auth.accounts import RightsChange, change_rights, check_may_set_password
from lifecycle.database.dto import UserDto
from lifecycle.endpoints.committing_route import CommittingRoute
from lifecycle.endpoints.dependencies import ReadingDep, ServicesDep, StaffUser, UnitOfWorkDep
from lifecycle.endpoints.users import PasswordText

router = APIRouter(prefix="/api/v1/users", tags=["API"], route_class=CommittingRoute)


class AccountPayload(BaseModel):
    """The account of a person."""

    username: str
    email: str
    is_active: bool
    is_staff: bool
    is_superuser: bool
    date_joined: UnixSeconds
    last_login: UnixSeconds | None


class RightsPayload(BaseModel):
    """What of an account shall be different; null: nothing."""

    is_active: bool | None = None
    is_staff: bool | None = None
    is_superuser: bool | None = None


class PasswordPayload(BaseModel):
    """A password to be."""

    new_password: PasswordText


@router.get("")
def list_accounts(_: StaffUser, uow: ReadingDep) -> list[AccountPayload]:
    """List everybody who has an account."""
    return [_to_payload(user) for user in uow.users.list_all()]


@router.put("/{username}")
def change_account(
    username: str,
    payload: RightsPayload,
    staff: StaffUser,
    services: ServicesDep,
    uow: UnitOfWorkDep,
) -> AccountPayload:
    """Activate a user, or switch one off; superusers also make others staff."""
    change = RightsChange(payload.is_active, payload.is_staff, payload.is_superuser)
    return _to_payload(change_rights(uow, username, change, staff, services.clock.now()))


@router.put("/{username}/password")
def set_password(
    username: str, payload: PasswordPayload, staff: StaffUser, services: ServicesDep
) -> None:
    """Give a user who has forgotten theirs another password."""
    with services.unit_of_work.reading() as uow:
        check_may_set_password(uow, uow.users.get(username), staff)
    services.users.set_password(username, payload.new_password.get_secret_value(), staff.name)


def _to_payload(user: UserDto) -> AccountPayload:
    return AccountPayload.model_validate(user, from_attributes=True)
