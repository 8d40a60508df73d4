"""Users, external service consumers, and the auth subjects that stand for them and for job families."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from racetrack_client.log.errors import AlreadyExists, EntityNotFound
from racetrack_commons.auth.token import AuthSubjectType
from sqlalchemy import Row, Select, SQLColumnExpression, bindparam, delete, func, or_, select, text
from sqlalchemy.orm import InstrumentedAttribute, Session

from lifecycle.database.session import execute_counting, require_found
from lifecycle.database.tables.auth import AuthSubjectRow, EscRow, UserRow
from lifecycle.database.tables.job import JobFamilyRow
from lifecycle.domain.auth import AuthSubjectDto, EscDto, UserDto, UserRights

_AT_ONCE = 500
_FIRST_USER_LOCK = 7202_0004


class UserRepository:
    """The rows of `auth_user`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, username: str) -> UserDto | None:
        """Return the user of that name, or None."""
        row = self._find_row(username)
        return UserDto.model_validate(row) if row else None

    def get(self, username: str) -> UserDto:
        """Return the user of that name; raises EntityNotFound."""
        return UserDto.model_validate(self._get_row(username))

    def list_all(self) -> list[UserDto]:
        """List all users by name."""
        rows = self._session.scalars(select(UserRow).order_by(UserRow.username))
        return [UserDto.model_validate(row) for row in rows]

    def is_taken(self, username: str) -> bool:
        """Return whether a user has that name, in any mix of capitals and small letters."""
        query = select(UserRow.id).where(func.lower(UserRow.username) == username.lower())
        return self._session.scalar(query.limit(1)) is not None

    def lock_first(self) -> None:
        """Block other transactions that are about to add the first user until this one ends."""
        if self._session.get_bind().dialect.name == "postgresql":
            statement = text("SELECT pg_advisory_xact_lock(:number)")
            self._session.execute(statement, {"number": _FIRST_USER_LOCK})

    def is_empty(self) -> bool:
        """Return whether there are no users yet."""
        return self._session.scalar(select(UserRow.id).limit(1)) is None

    def add(self, username: str, password_hash: str, now: datetime) -> UserDto:
        """Add a user who is inactive until an admin activates the account."""
        return self._add(UserRow(username=username, password=password_hash, date_joined=now))

    def add_admin(self, username: str, password_hash: str, email: str, now: datetime) -> UserDto:
        """Add an active user with all rights."""
        row = UserRow(username=username, password=password_hash, email=email, date_joined=now)
        row.is_active = row.is_staff = row.is_superuser = True
        return self._add(row)

    def set_password(self, username: str, password_hash: str) -> None:
        """Replace the hash of the user's password; raises EntityNotFound."""
        self._get_row(username).password = password_hash

    def set_rights(self, username: str, rights: UserRights) -> None:
        """Replace the rights of the user; raises EntityNotFound."""
        row = self._get_row(username)
        row.is_active, row.is_staff = rights.is_active, rights.is_staff
        row.is_superuser = rights.is_superuser

    def set_active(self, username: str, *, active: bool) -> None:
        """Activate or deactivate the user; raises EntityNotFound."""
        self._get_row(username).is_active = active

    def note_login(self, username: str, now: datetime) -> None:
        """Store the time of the user's last log-in; raises EntityNotFound."""
        self._get_row(username).last_login = now

    def remove_unused(self, joined_before: datetime) -> int:
        """Delete the users who are not active, never logged in, and joined before a moment; return how many."""
        statement = delete(UserRow).where(
            UserRow.is_active.is_(False),
            UserRow.last_login.is_(None),
            UserRow.date_joined < joined_before,
        )
        return execute_counting(self._session, statement)

    def _add(self, row: UserRow) -> UserDto:
        self._session.add(row)
        self._session.flush()
        return UserDto.model_validate(row)

    def _find_row(self, username: str) -> UserRow | None:
        return self._session.scalar(select(UserRow).where(UserRow.username == username))

    def _get_row(self, username: str) -> UserRow:
        return require_found(self._find_row(username), f"there is no user {username}")


class EscRepository:
    """The rows of `registry_esc`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list_all(self) -> list[EscDto]:
        """List all ESCs by name."""
        rows = self._session.scalars(select(EscRow).order_by(EscRow.name, EscRow.id))
        return [EscDto.model_validate(row) for row in rows]

    def get(self, esc_id: str) -> EscDto:
        """Return the ESC of that id; raises EntityNotFound."""
        row = require_found(
            self._session.get(EscRow, esc_id), f"there is no ESC with the id {esc_id}"
        )
        return EscDto.model_validate(row)

    def list_by_id_or_name(self, text: str) -> list[EscDto]:
        """List the ESCs whose id or name is `text`."""
        query = select(EscRow).where(or_(EscRow.id == text, EscRow.name == text))
        return [EscDto.model_validate(row) for row in self._session.scalars(query)]

    def add(self, name: str, esc_id: str | None) -> EscDto:
        """Add an ESC; without `esc_id` an id is generated. Raises AlreadyExists."""
        if esc_id is not None and self._session.get(EscRow, esc_id) is not None:
            raise AlreadyExists(f"there is an ESC with the id {esc_id} already")
        row = EscRow(name=name, **({"id": esc_id} if esc_id else {}))
        self._session.add(row)
        self._session.flush()
        return EscDto.model_validate(row)

    def rename(self, esc_id: str, name: str) -> EscDto:
        """Give an ESC another name; raises EntityNotFound."""
        row = require_found(
            self._session.get(EscRow, esc_id), f"there is no ESC with the id {esc_id}"
        )
        row.name = name
        return EscDto.model_validate(row)

    def remove(self, esc_id: str) -> None:
        """Delete an ESC; the database deletes its tokens and permissions with it."""
        self._session.delete(self._session.get_one(EscRow, esc_id))
        self._session.flush()


class AuthSubjectRepository:
    """The rows of `registry_authsubject`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, subject_id: str) -> AuthSubjectDto:
        """Return the subject of that id; raises EntityNotFound."""
        return require_found(
            self._find(AuthSubjectRow.id, subject_id), "the holder of this token is gone"
        )

    def list_by_ids(self, subject_ids: Sequence[str]) -> list[AuthSubjectDto]:
        """List the subjects with these ids, in any order."""
        found: list[AuthSubjectDto] = []
        for start in range(0, len(subject_ids), _AT_ONCE):
            ids = subject_ids[start : start + _AT_ONCE]
            rows = self._session.execute(_select().where(AuthSubjectRow.id.in_(ids)))
            found += [_to_dto(row) for row in rows]
        return found

    def find_of_user(self, user_id: int) -> AuthSubjectDto | None:
        """Return the subject of a user, or None."""
        return self._find(AuthSubjectRow.user_id, user_id)

    def get_or_add_of_user(self, user_id: int) -> AuthSubjectDto:
        """Return the subject of a user; add it when there is none."""
        return self.find_of_user(user_id) or self._add(AuthSubjectRow(user_id=user_id))

    def find_of_esc(self, esc_id: str) -> AuthSubjectDto | None:
        """Return the subject of an ESC, or None."""
        return self._find(AuthSubjectRow.esc_id, esc_id)

    def get_or_add_of_esc(self, esc_id: str) -> AuthSubjectDto:
        """Return the subject of an ESC; add it when there is none."""
        return self.find_of_esc(esc_id) or self._add(AuthSubjectRow(esc_id=esc_id))

    def find_of_family(self, family_id: str) -> AuthSubjectDto | None:
        """Return the subject of a job family, or None."""
        return self._find(AuthSubjectRow.job_family_id, family_id)

    def get_or_add_of_family(self, family_id: str) -> AuthSubjectDto:
        """Return the subject of a job family; add it when there is none."""
        return self.find_of_family(family_id) or self._add(AuthSubjectRow(job_family_id=family_id))

    def list_of_type(self, subject_type: AuthSubjectType) -> list[AuthSubjectDto]:
        """List all subjects of one type: users, ESCs or job families."""
        columns = {
            AuthSubjectType.USER: AuthSubjectRow.user_id,
            AuthSubjectType.ESC: AuthSubjectRow.esc_id,
            AuthSubjectType.JOB_FAMILY: AuthSubjectRow.job_family_id,
        }
        rows = self._session.execute(_select().where(columns[subject_type].is_not(None)))
        return [_to_dto(row) for row in rows]

    def _find(self, key: InstrumentedAttribute[Any], value: object) -> AuthSubjectDto | None:
        row = self._session.execute(_select_by(key), {"value": value}).first()
        return _to_dto(row) if row else None

    def _add(self, row: AuthSubjectRow) -> AuthSubjectDto:
        self._session.add(row)
        self._session.flush()
        return self.get(row.id)


@cache
def _select_by(key: InstrumentedAttribute[Any]) -> Select[Any]:
    """Return the query of the subject with a value of this column; each request asks it."""
    return _select().where(key == bindparam("value"))


def _select() -> Select[Any]:
    row = AuthSubjectRow
    columns: tuple[SQLColumnExpression[Any], ...] = (
        *(row.id, row.user_id, row.esc_id, row.job_family_id, UserRow.username),
        *(UserRow.is_active, EscRow.name.label("esc"), JobFamilyRow.name.label("family")),
    )
    return (
        select(*columns)
        .outerjoin(UserRow, UserRow.id == row.user_id)
        .outerjoin(EscRow, EscRow.id == row.esc_id)
        .outerjoin(JobFamilyRow, JobFamilyRow.id == row.job_family_id)
    )


def _to_dto(row: Row[Any]) -> AuthSubjectDto:
    if row.user_id is not None:
        kind, name, display_name = AuthSubjectType.USER, row.username, row.username
    elif row.esc_id is not None:
        kind, name, display_name = AuthSubjectType.ESC, row.esc_id, row.esc
    elif row.job_family_id is not None:
        kind, name, display_name = AuthSubjectType.JOB_FAMILY, row.family, row.family
    else:
        raise EntityNotFound(f"auth subject {row.id} is neither a user nor an ESC nor a job family")
    return AuthSubjectDto(
        id=row.id,
        subject_type=kind,
        name=name,
        display_name=display_name,
        is_active=row.is_active is not False,
    )
