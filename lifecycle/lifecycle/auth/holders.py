"""Holders of tokens and permissions: users, ESCs and job families, by the names that people give them."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from racetrack_client.entities import AuthScope
from racetrack_client.log.errors import EntityNotFound, ValidationError
from racetrack_commons.auth.token import AuthSubjectType
from racetrack_commons.entities.audit import AuditEventType
from racetrack_commons.entities.dto import JobFamilyDto

from lifecycle.audit import AuditEvent, describe_change, write_event
from lifecycle.auth.authenticate import AuthSubject
from lifecycle.auth.authorize import check_scope
from lifecycle.auth.tokens import Tokens
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.auth import AuthSubjectDto, EscDto, UserDto

_KINDS = (AuthSubjectType.USER, AuthSubjectType.ESC, AuthSubjectType.JOB_FAMILY)


def get_holder(uow: UnitOfWork, text: str) -> AuthSubjectDto:
    """Return the user `anna@example.com`, the ESC with this name or id, or the job family with this name.

    A prefix `user:`, `esc:` or `job_family:` selects the kind if several holders share the name.
    Raises EntityNotFound if no holder has the name, and ValidationError if several have it.
    """
    kind, separator, name = text.partition(":")
    kinds = [known for known in _KINDS if known == kind] if separator else []
    found = list(_collect_called(uow, name, kinds) if kinds else _collect_called(uow, text, _KINDS))
    if not found:
        raise EntityNotFound(f"there is no user, ESC or job family {text}")
    if len(found) > 1:
        names = " or ".join(f"{holder.subject_type}:{holder.name}" for holder in found)
        raise ValidationError(f"{text} may be several, say which one: {names}")
    return found[0]


def get_own_or_asked_holder(
    uow: UnitOfWork, caller: AuthSubject, wanted: str | None
) -> AuthSubjectDto:
    """Return the caller as a holder, or the holder called `wanted`, if an administrator asks for another one."""
    own_name = f"{caller.subject_type}:{caller.name}"
    if caller.id is not None and wanted in (None, own_name, caller.name, caller.display_name):
        return uow.auth_subjects.get(caller.id)
    check_scope(uow, caller, AuthScope.CALL_ADMIN_API)
    if wanted is None:
        raise ValidationError(
            "say who is meant, with `subject`: you have no permissions of your own"
        )
    return get_holder(uow, wanted)


def get_esc_holder(uow: UnitOfWork, esc_id: str) -> AuthSubjectDto:
    """Return an ESC as a holder; raises EntityNotFound."""
    return _of_esc(uow, uow.escs.get(esc_id))


def get_family_holder(uow: UnitOfWork, family_name: str) -> AuthSubjectDto:
    """Return a job family as a holder; raises EntityNotFound."""
    return _of_family(uow, uow.families.get(family_name))


def ensure_holder(uow: UnitOfWork, holder: AuthSubjectDto) -> AuthSubjectDto:
    """Return the holder with the id of its row, which is added if the holder has none."""
    if holder.id:
        return holder
    match holder.subject_type:
        case AuthSubjectType.ESC:
            return uow.auth_subjects.get_or_add_of_esc(holder.name)
        case AuthSubjectType.JOB_FAMILY:
            return uow.auth_subjects.get_or_add_of_family(uow.families.get(holder.name).id or "")
        case _:
            return uow.auth_subjects.get_or_add_of_user(uow.users.get(holder.name).id)


def add_esc(
    uow: UnitOfWork, name: str, esc_id: str | None, tokens: Tokens, by: AuthSubject
) -> EscDto:
    """Add an ESC with a token; raises AlreadyExists if its id is taken."""
    esc = uow.escs.add(name, esc_id)
    tokens.create(uow, uow.auth_subjects.get_or_add_of_esc(esc.id))
    _write_event(uow, AuditEventType.ESC_CREATED, esc, by, tokens.clock.now())
    return esc


def rename_esc(uow: UnitOfWork, esc_id: str, name: str, by: AuthSubject, now: datetime) -> EscDto:
    """Give an ESC another name, which changes nothing else: tokens and permissions know its id."""
    esc = uow.escs.get(esc_id)
    change = describe_change({"name": esc.name}, {"name": name})
    if not change:
        return esc
    properties = {"esc": esc.name, "id": esc.id, **change}
    event = AuditEvent(AuditEventType.ESC_RENAMED, by.name, owner=esc.id, properties=properties)
    write_event(uow, event, now)
    return uow.escs.rename(esc_id, name)


def remove_esc(uow: UnitOfWork, esc_id: str, by: AuthSubject, now: datetime) -> None:
    """Remove an ESC with its tokens and permissions."""
    esc = uow.escs.get(esc_id)
    uow.escs.remove(esc_id)
    _write_event(uow, AuditEventType.ESC_DELETED, esc, by, now)


def _collect_called(
    uow: UnitOfWork, name: str, kinds: Sequence[AuthSubjectType]
) -> Iterator[AuthSubjectDto]:
    if AuthSubjectType.USER in kinds and (user := uow.users.find(name)):
        yield _of_user(uow, user)
    if AuthSubjectType.ESC in kinds:
        yield from (_of_esc(uow, esc) for esc in uow.escs.list_by_id_or_name(name))
    if AuthSubjectType.JOB_FAMILY in kinds and (family := uow.families.find(name)):
        yield _of_family(uow, family)


def _of_user(uow: UnitOfWork, user: UserDto) -> AuthSubjectDto:
    return uow.auth_subjects.find_of_user(user.id) or AuthSubjectDto(
        id="",
        subject_type=AuthSubjectType.USER,
        name=user.username,
        display_name=user.username,
        is_active=user.is_active,
    )


def _of_esc(uow: UnitOfWork, esc: EscDto) -> AuthSubjectDto:
    return uow.auth_subjects.find_of_esc(esc.id) or AuthSubjectDto(
        id="", subject_type=AuthSubjectType.ESC, name=esc.id, display_name=esc.name
    )


def _of_family(uow: UnitOfWork, family: JobFamilyDto) -> AuthSubjectDto:
    return uow.auth_subjects.find_of_family(family.id or "") or AuthSubjectDto(
        id="",
        subject_type=AuthSubjectType.JOB_FAMILY,
        name=family.name,
        display_name=family.name,
    )


def _write_event(
    uow: UnitOfWork, event_type: AuditEventType, esc: EscDto, by: AuthSubject, now: datetime
) -> None:
    properties = {"esc": esc.name, "id": esc.id}
    write_event(uow, AuditEvent(event_type, by.name, owner=esc.id, properties=properties), now)
