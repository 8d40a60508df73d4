"""Holders of tokens and permissions, by the names that people give them."""

from collections.abc import Iterator, Sequence

from racetrack_client.log.errors import EntityNotFound, ValidationError
from racetrack_commons.auth.scope import AuthSubjectType
from racetrack_commons.entities.dto import JobFamilyDto

from lifecycle.database.dto import AuthSubjectDto, EscDto, UserDto
from lifecycle.database.unit_of_work import UnitOfWork

_KINDS = (AuthSubjectType.USER, AuthSubjectType.ESC, AuthSubjectType.JOB_FAMILY)


def get_holder(uow: UnitOfWork, text: str) -> AuthSubjectDto:
    """Return who is meant by `anna@example.com`, the name or id of an ESC, or the name of a job family.

    `user:`, `esc:` or `job_family:` before it says which kind, where several have the name;
    ValidationError when it does not say enough.
    """
    kind, separator, name = text.partition(":")
    kinds = [known for known in _KINDS if known == kind] if separator else []
    found = list(_find(uow, name, kinds) if kinds else _find(uow, text, _KINDS))
    if not found:
        raise EntityNotFound(f"there is no user, ESC or job family {text}")
    if len(found) > 1:
        names = " or ".join(f"{holder.subject_type}:{holder.name}" for holder in found)
        raise ValidationError(f"{text} may be several, say which one: {names}")
    return found[0]


def _find(uow: UnitOfWork, name: str, kinds: Sequence[AuthSubjectType]) -> Iterator[AuthSubjectDto]:
    if AuthSubjectType.USER in kinds and (user := uow.users.find(name)):
        yield _of_user(uow, user)
    if AuthSubjectType.ESC in kinds:
        yield from (_of_esc(uow, esc) for esc in uow.escs.list_called(name))
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
