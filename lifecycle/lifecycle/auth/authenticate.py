"""Who calls: from the text of a token to a subject."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr
from racetrack_client.log.errors import EntityNotFound, UnauthorizedError
from racetrack_commons.auth.scope import AuthSubjectType
from racetrack_commons.auth.token import AuthTokenPayload, decode_legacy_token, decode_token
from racetrack_commons.clock import Clock

from lifecycle.database.dto import AuthTokenDto
from lifecycle.database.unit_of_work import UnitOfWork

ANONYMOUS = "anonymous"


class InvalidToken(UnauthorizedError):
    """The caller shows no token, or one that does not count."""


@dataclass(frozen=True)
class AuthSubject:
    """Who calls."""

    subject_type: AuthSubjectType
    name: str
    """What the token says: name of the user, id of the ESC, name of the family or service."""
    id: str | None = None
    """Of the stored subject; services and anonymous callers have none."""
    display_name: str = ""
    payload: AuthTokenPayload | None = None
    """Claims of the token that a service shows."""
    is_anonymous: bool = False
    """Somebody without a token, where none is demanded: may do everything."""

    @property
    def is_internal(self) -> bool:
        """Tell whether it is a service of the platform."""
        return self.subject_type is AuthSubjectType.INTERNAL

    @property
    def caller(self) -> str | None:
        """Say who it is, as jobs and logs are told; services are not named."""
        kinds = {
            AuthSubjectType.USER: "User",
            AuthSubjectType.ESC: "ESC",
            AuthSubjectType.JOB_FAMILY: "Job family",
        }
        kind = kinds.get(self.subject_type)
        return (
            f"{kind} {self.display_name or self.name}" if kind and not self.is_anonymous else None
        )


ANONYMOUS_SUBJECT = AuthSubject(AuthSubjectType.USER, ANONYMOUS, is_anonymous=True)


@dataclass(frozen=True)
class Authenticator:
    """Finds out who shows a token."""

    auth_key: SecretStr
    clock: Clock
    reading: Callable[[], AbstractContextManager[UnitOfWork]]
    writing: Callable[[], AbstractContextManager[UnitOfWork]]
    auth_required: bool = True

    def authenticate(self, token: str | None) -> AuthSubject:
        """Return who shows the token; raises InvalidToken."""
        try:
            return self._authenticate(token)
        except InvalidToken:
            if self.auth_required:
                raise
            return ANONYMOUS_SUBJECT

    def _authenticate(self, token: str | None) -> AuthSubject:
        if not token:
            raise InvalidToken("no auth token was given: log in with `racetrack login`")
        payload = self._decode(token)
        if payload.subject_type is AuthSubjectType.INTERNAL:
            return AuthSubject(AuthSubjectType.INTERNAL, payload.subject, payload=payload)
        with self.reading() as uow:
            stored = uow.auth_tokens.find(token)
            subject = find_subject(uow, stored, payload, self.clock.now())
        if stored is not None:
            self._note_use(stored)
        return subject

    def _decode(self, token: str) -> AuthTokenPayload:
        try:
            return decode_token(token, self.auth_key.get_secret_value())
        except UnauthorizedError as e:
            legacy = decode_legacy_token(token)
            if legacy is None:
                raise InvalidToken(str(e)) from None
            return legacy

    def _note_use(self, stored: AuthTokenDto) -> None:
        now = self.clock.now()
        if stored.last_use_time is None or stored.last_use_time.date() != now.date():
            with self.writing() as uow:
                uow.auth_tokens.note_use(stored.id, now)


def find_subject(
    uow: UnitOfWork, stored: AuthTokenDto | None, payload: AuthTokenPayload, now: datetime
) -> AuthSubject:
    """Return who holds a stored token, if it and its holder are valid; raises InvalidToken."""
    if stored is None:
        raise InvalidToken("this auth token is not known here (any more): log in again")
    if not stored.active:
        raise InvalidToken("this auth token was revoked: ask an admin for a new one")
    if not stored.is_valid(now):
        raise InvalidToken("this auth token has expired: ask an admin for a new one")
    try:
        subject = uow.auth_subjects.get(stored.auth_subject_id)
    except EntityNotFound as e:
        raise InvalidToken(str(e)) from e
    if not subject.is_active:
        raise InvalidToken(f"user {subject.name} is not active: ask an admin to activate it")
    return AuthSubject(
        subject.subject_type, payload.subject, id=subject.id, display_name=subject.display_name
    )
