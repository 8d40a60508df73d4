"""People who may log in."""

from datetime import datetime

from racetrack_client.log.errors import EntityNotFound
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from lifecycle.database.tables import UserRow
from lifecycle.domain.auth import UserDto, UserRights


class UserRepository:
    """The rows of `auth_user`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, username: str) -> UserDto | None:
        """Find the user of that name."""
        row = self._find_row(username)
        return UserDto.model_validate(row) if row else None

    def get(self, username: str) -> UserDto:
        """Return the user of that name."""
        return UserDto.model_validate(self._get_row(username))

    def list_all(self) -> list[UserDto]:
        """List all users by name."""
        rows = self._session.scalars(select(UserRow).order_by(UserRow.username))
        return [UserDto.model_validate(row) for row in rows]

    def is_taken(self, username: str) -> bool:
        """Tell whether somebody has the name, perhaps written with other capitals."""
        query = select(UserRow.id).where(func.lower(UserRow.username) == username.lower())
        return self._session.scalar(query.limit(1)) is not None

    def is_empty(self) -> bool:
        """Tell whether there is nobody yet."""
        return self._session.scalar(select(UserRow.id).limit(1)) is None

    def add(self, username: str, password_hash: str, now: datetime) -> UserDto:
        """Add a user who is not active yet."""
        row = UserRow(username=username, password=password_hash, date_joined=now)
        self._session.add(row)
        self._session.flush()
        return UserDto.model_validate(row)

    def add_admin(self, username: str, password_hash: str, email: str, now: datetime) -> UserDto:
        """Add a user who is active and may administrate."""
        row = UserRow(
            username=username,
            password=password_hash,
            email=email,
            date_joined=now,
            is_active=True,
            is_staff=True,
            is_superuser=True,
        )
        self._session.add(row)
        self._session.flush()
        return UserDto.model_validate(row)

    def set_password(self, username: str, password_hash: str) -> None:
        """Replace the password."""
        self._get_row(username).password = password_hash

    def set_rights(self, username: str, rights: UserRights) -> None:
        """Say what the user may."""
        row = self._get_row(username)
        row.is_active, row.is_staff = rights.is_active, rights.is_staff
        row.is_superuser = rights.is_superuser

    def set_active(self, username: str, *, active: bool) -> None:
        """Let the user in, or not any more."""
        self._get_row(username).is_active = active

    def note_login(self, username: str, now: datetime) -> None:
        """Remember when the user logged in."""
        self._get_row(username).last_login = now

    def _find_row(self, username: str) -> UserRow | None:
        return self._session.scalar(select(UserRow).where(UserRow.username == username))

    def _get_row(self, username: str) -> UserRow:
        row = self._find_row(username)
        if row is None:
            raise EntityNotFound(f"there is no user {username}")
        return row
