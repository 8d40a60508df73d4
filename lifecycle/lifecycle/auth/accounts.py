"""Accounts of people, as staff looks after them."""

from dataclasses import dataclass
from datetime import datetime

from racetrack_client.log.errors import ValidationError

from lifecycle.audit import AuditEvent, AuditEventType, describe_change, write_event
from lifecycle.auth.authenticate import AuthSubject
from lifecycle.auth.authorize import NotPermitted
from lifecycle.database.dto import UserDto, UserRights
from lifecycle.database.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class RightsChange:
    """What shall be different; None: as it is."""

    is_active: bool | None = None
    is_staff: bool | None = None
    is_superuser: bool | None = None


def change_rights(
    uow: UnitOfWork, username: str, change: RightsChange, by: AuthSubject, now: datetime
) -> UserDto:
    """Activate a user, switch one off, make one staff; return the user as it is then."""
    user = uow.users.get(username)
    rights = UserRights(
        is_active=_choose(change.is_active, user.is_active),
        is_staff=_choose(change.is_staff, user.is_staff),
        is_superuser=_choose(change.is_superuser, user.is_superuser),
    )
    before = user.model_dump(include=set(UserRights.model_fields))
    difference = describe_change(before, rights.model_dump())
    if not difference:
        return user
    touches_power = set(difference["after"]) != {"is_active"}
    _check_may_manage(uow, user, by, touches_power=touches_power)
    if user.username == by.name:
        raise ValidationError("nobody changes their own rights: ask another superuser")
    uow.users.set_rights(username, rights)
    event = AuditEvent(AuditEventType.USER_CHANGED, by.name, owner=username, properties=difference)
    write_event(uow, event, now)
    return uow.users.get(username)


def check_may_set_password(uow: UnitOfWork, user: UserDto, by: AuthSubject) -> None:
    """Refuse to set passwords of those whom one does not manage, and one's own."""
    if user.username == by.name:
        raise ValidationError("change your own password with the old one")
    _check_may_manage(uow, user, by, touches_power=False)


def check_superuser(uow: UnitOfWork, by: AuthSubject) -> None:
    """Refuse who is no superuser."""
    if not (by.is_unlimited or uow.users.get(by.name).is_superuser):
        raise NotPermitted(f"{by.description} is no superuser")


def _check_may_manage(
    uow: UnitOfWork, user: UserDto, by: AuthSubject, *, touches_power: bool
) -> None:
    """Refuse staff that reaches for more than staff has: only superusers manage staff."""
    if touches_power or user.is_staff or user.is_superuser:
        check_superuser(uow, by)


def _choose(wanted: bool | None, present: bool) -> bool:
    return present if wanted is None else wanted
