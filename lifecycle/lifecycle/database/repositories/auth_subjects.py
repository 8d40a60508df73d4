"""Auth subjects: users, ESCs and job families as somebody who may be permitted something."""

from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.auth.token import AuthSubjectType
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session, joinedload

from lifecycle.database.tables import AuthSubjectRow
from lifecycle.domain.auth import AuthSubjectDto


class AuthSubjectRepository:
    """The rows of `registry_authsubject`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, subject_id: str) -> AuthSubjectDto:
        """Return the subject with that id."""
        subject = self._find(AuthSubjectRow.id == subject_id)
        if subject is None:
            raise EntityNotFound("the holder of this token is gone")
        return subject

    def find_of_user(self, user_id: int) -> AuthSubjectDto | None:
        """Find the subject of a user."""
        return self._find(AuthSubjectRow.user_id == user_id)

    def ensure_of_user(self, user_id: int) -> AuthSubjectDto:
        """Return the subject of a user, added if it was not there."""
        return self.find_of_user(user_id) or self._add(AuthSubjectRow(user_id=user_id))

    def find_of_esc(self, esc_id: str) -> AuthSubjectDto | None:
        """Find the subject of an ESC."""
        return self._find(AuthSubjectRow.esc_id == esc_id)

    def ensure_of_esc(self, esc_id: str) -> AuthSubjectDto:
        """Return the subject of an ESC, added if it was not there."""
        return self.find_of_esc(esc_id) or self._add(AuthSubjectRow(esc_id=esc_id))

    def find_of_family(self, family_id: str) -> AuthSubjectDto | None:
        """Find the subject of a job family."""
        return self._find(AuthSubjectRow.job_family_id == family_id)

    def ensure_of_family(self, family_id: str) -> AuthSubjectDto:
        """Return the subject of a job family, added if it was not there."""
        return self.find_of_family(family_id) or self._add(AuthSubjectRow(job_family_id=family_id))

    def list_of_type(self, subject_type: AuthSubjectType) -> list[AuthSubjectDto]:
        """List all subjects that are users, ESCs or job families."""
        columns = {
            AuthSubjectType.USER: AuthSubjectRow.user_id,
            AuthSubjectType.ESC: AuthSubjectRow.esc_id,
            AuthSubjectType.JOB_FAMILY: AuthSubjectRow.job_family_id,
        }
        rows = self._session.scalars(_select().where(columns[subject_type].is_not(None)))
        return [_to_dto(row) for row in rows]

    def _find(self, condition: ColumnElement[bool]) -> AuthSubjectDto | None:
        row = self._session.scalars(_select().where(condition)).first()
        return _to_dto(row) if row else None

    def _add(self, row: AuthSubjectRow) -> AuthSubjectDto:
        self._session.add(row)
        self._session.flush()
        return self.get(row.id)


def _select() -> Select[AuthSubjectRow]:
    return (
        select(AuthSubjectRow)
        .options(
            joinedload(AuthSubjectRow.user),
            joinedload(AuthSubjectRow.esc),
            joinedload(AuthSubjectRow.job_family),
        )
        .execution_options(populate_existing=True)
    )


def _to_dto(row: AuthSubjectRow) -> AuthSubjectDto:
    if row.user is not None:
        return AuthSubjectDto(
            id=row.id,
            subject_type=AuthSubjectType.USER,
            name=row.user.username,
            display_name=row.user.username,
            is_active=row.user.is_active,
        )
    if row.esc is not None:
        return AuthSubjectDto(
            id=row.id,
            subject_type=AuthSubjectType.ESC,
            name=row.esc.id,
            display_name=row.esc.name,
        )
    if row.job_family is not None:
        return AuthSubjectDto(
            id=row.id,
            subject_type=AuthSubjectType.JOB_FAMILY,
            name=row.job_family.name,
            display_name=row.job_family.name,
        )
    raise EntityNotFound(f"auth subject {row.id} is neither a user nor an ESC nor a job family")
