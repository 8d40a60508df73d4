"""Users, external service consumers, auth subjects, and the tokens and permissions of those."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from pydantic import Field
from racetrack_commons.auth.token import AuthSubjectType
from racetrack_commons.entities.dto import RegistryDto

_END_LENGTH = 6


class RowDto(RegistryDto, frozen=True):
    """The base of values that are read from a row."""


class UserRights(RowDto):
    """The rights of a user beside permissions."""

    is_active: bool
    """True if the user may log in and use tokens."""
    is_staff: bool
    is_superuser: bool


class UserDto(UserRights):
    """A user, who may log in once activated."""

    id: int
    username: str
    email: str = ""
    password: str = Field(repr=False)
    """A hash."""
    date_joined: datetime
    last_login: datetime | None = None


@dataclass(frozen=True)
class LoggedInUser:
    """A user who has just logged in, and a valid token of theirs."""

    user: UserDto
    token: str


class EscDto(RowDto):
    """An external service consumer."""

    name: str
    id: str


class AuthSubjectDto(RowDto):
    """A user, ESC or job family as the holder of tokens and permissions."""

    id: str
    """Empty when the subject is not stored, because it holds nothing yet."""
    subject_type: AuthSubjectType
    name: str
    """The name in tokens: the name of the user, the id of the ESC, or the name of the job family."""
    display_name: str
    """The name that people read."""
    is_active: bool = True
    """False for deactivated users."""


class AuthTokenDto(RowDto):
    """A stored token."""

    id: str
    auth_subject_id: str
    sealed: bytes | None = Field(default=None, repr=False)
    """The text, encrypted; None for a token that is shown only when it is made."""
    token_end: str | None = None
    """The end of the text, by which people recognize it."""
    expiry_time: datetime | None = None
    active: bool = True
    last_use_time: datetime | None = None
    create_time: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Return whether the token can be used now."""
        return self.active and (self.expiry_time is None or self.expiry_time > now)


class BrowserSessionDto(RowDto):
    """A log-in with a browser, which the sessions that it has opened name."""

    id: str
    token_id: str
    opened_at: datetime
    ends_at: datetime


class TokenText(RowDto):
    """The text of a token with its forms for the database."""

    text: str = Field(repr=False)
    sealed: bytes | None = Field(default=None, repr=False)

    @property
    def digest(self) -> str:
        """The SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def end(self) -> str:
        """The last characters of the text."""
        return self.text[-_END_LENGTH:]


class PermissionDto(RowDto):
    """A scope granted to a subject; a family, job or endpoint that is None does not limit it."""

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
    """The limits of a permission; a key that is None or missing does not limit it."""

    job_family_id: str | None
    job_id: str | None
    endpoint: str | None


@dataclass(frozen=True)
class Sight:
    """The jobs on which a caller has a scope."""

    scope: str
    is_complete: bool = False
    """True if the caller has the scope on everything."""
    holder_id: str | None = None
    """The id of the auth subject whose permissions count; None if there is none."""
