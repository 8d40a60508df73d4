"""Who may do what: users, external service consumers, auth subjects, their tokens and permissions."""

from datetime import datetime
from typing import TypedDict

from pydantic import BaseModel, ConfigDict, Field
from racetrack_commons.auth.token import AuthSubjectType


class RowDto(BaseModel):
    """A value made from a row."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class UserRights(RowDto):
    """What a person may do beside what permissions say."""

    is_active: bool
    """May log in, and use tokens."""
    is_staff: bool
    is_superuser: bool


class UserDto(UserRights):
    """A person who may log in."""

    id: int
    username: str
    email: str = ""
    password: str = Field(repr=False)
    """A hash."""
    date_joined: datetime
    last_login: datetime | None = None


class EscDto(RowDto):
    """An external service consumer."""

    name: str
    id: str


class AuthSubjectDto(RowDto):
    """Somebody who may hold tokens and permissions."""

    id: str
    """Empty: it holds nothing yet."""
    subject_type: AuthSubjectType
    name: str
    """What tokens say: name of the user, id of the ESC, name of the job family."""
    display_name: str
    """What people read."""
    is_active: bool = True
    """False: a user who was switched off."""


class AuthTokenDto(RowDto):
    """A stored token."""

    id: str
    auth_subject_id: str
    token: str = Field(repr=False)
    expiry_time: datetime | None = None
    active: bool = True
    last_use_time: datetime | None = None
    create_time: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Tell whether it may be used."""
        return self.active and (self.expiry_time is None or self.expiry_time > now)


class PermissionDto(RowDto):
    """A scope granted to a subject; what is None does not restrict it."""

    id: int | None = None
    auth_subject_id: str
    scope: str
    job_family_id: str | None = None
    job_family_name: str | None = None
    job_id: str | None = None
    job_name: str | None = None
    job_version: str | None = None
    endpoint: str | None = None


class PermissionLimits(TypedDict, total=False):
    """What a permission is limited to; what is None or not said does not limit it."""

    job_family_id: str | None
    job_id: str | None
    endpoint: str | None
