"""Authentication: the text of a token leads to the subject that calls."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr
from racetrack_client.entities import AuthScope
from racetrack_client.log.errors import EntityNotFound, UnauthorizedError
from racetrack_commons.auth.token import (
    AuthSubjectType,
    AuthTokenPayload,
    decode_legacy_token,
    decode_token,
)
from racetrack_commons.clock import Clock

from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.auth import AuthSubjectDto, AuthTokenDto

ANONYMOUS = "anonymous"
_USE_PRECISION = timedelta(minutes=1)
"""Uses of a token that are closer together are noted once, because each note is a write."""


class InvalidToken(UnauthorizedError):
    """The request carries no token, or one that is not valid."""


@dataclass(frozen=True)
class AuthSubject:
    """The caller of a request: a user, an ESC, a job family or a service of the platform."""

    subject_type: AuthSubjectType
    name: str
    """Name of the user, id of the ESC, name of the family or service."""
    id: str | None = None
    """The id of the stored subject; services and anonymous callers have none."""
    display_name: str = ""
    payload: AuthTokenPayload | None = None
    """Claims in the token of a service; None for other callers."""
    is_anonymous: bool = False
    """The request carries no valid token, and the settings demand none."""
    is_unlimited: bool = False
    """The settings demand no token, so the caller may do everything."""
    token_id: str | None = None
    """The id of the stored token that the caller has shown, or that its session was opened by."""
    session_id: str | None = None
    """The id of the session that the caller has shown; None if it has shown a token."""
    expires_at: datetime | None = None
    """When the token expires that the caller has shown; None if it does not."""

    @property
    def is_internal(self) -> bool:
        """True if the caller is a service of the platform."""
        return self.subject_type is AuthSubjectType.INTERNAL

    @property
    def caller(self) -> str | None:
        """The caller's name in jobs and logs; None for services and anonymous callers."""
        kinds = {
            AuthSubjectType.USER: "User",
            AuthSubjectType.ESC: "ESC",
            AuthSubjectType.JOB_FAMILY: "Job family",
        }
        kind = kinds.get(self.subject_type)
        return (
            f"{kind} {self.display_name or self.name}" if kind and not self.is_anonymous else None
        )

    @property
    def description(self) -> str:
        """The caller's name in messages about refusals."""
        return self.caller or f"service {self.name}"


ANONYMOUS_SUBJECT = AuthSubject(
    AuthSubjectType.USER, ANONYMOUS, is_anonymous=True, is_unlimited=True
)


@dataclass(frozen=True)
class Authenticator:
    """Finds the subject that the token of a request belongs to."""

    auth_key: SecretStr
    clock: Clock
    reading: Callable[[], AbstractContextManager[UnitOfWork]]
    writing: Callable[[], AbstractContextManager[UnitOfWork]]
    auth_required: bool = True

    def authenticate(self, token: str | None) -> AuthSubject:
        """Return the subject that the token belongs to; raises InvalidToken."""
        with self.reading() as uow:
            return self.recognize(uow, token)

    def recognize(self, uow: UnitOfWork, token: str | None) -> AuthSubject:
        """Return the subject that the token belongs to, in a unit of work that only reads; raises InvalidToken."""
        if self.auth_required:
            return self._recognize(uow, token)
        try:
            return replace(self._recognize(uow, token), is_unlimited=True)
        except InvalidToken:
            return ANONYMOUS_SUBJECT

    def is_signed(self, token: str) -> bool:
        """Return whether this platform has signed the text as a token, valid or not, without a look at the database."""
        try:
            decode_token(token, self.auth_key.get_secret_value())
        except UnauthorizedError:
            return False
        return True

    def is_of_service(self, token: str | None, scope: AuthScope | None = None) -> bool:
        """Return whether the token is that of a service of the platform, which has the scope, or no limit."""
        try:
            payload = self._decode(token or "")
        except InvalidToken:
            return False
        return payload.subject_type is AuthSubjectType.INTERNAL and payload.allows(scope)

    def _recognize(self, uow: UnitOfWork, token: str | None) -> AuthSubject:
        if not token:
            raise InvalidToken("no auth token was given: log in with `racetrack login`")
        payload = self._decode(token)
        if payload.subject_type is AuthSubjectType.INTERNAL:
            expires_at = datetime.fromtimestamp(payload.exp, UTC) if payload.exp else None
            return AuthSubject(
                AuthSubjectType.INTERNAL, payload.subject, payload=payload, expires_at=expires_at
            )
        stored = uow.auth_tokens.find(token)
        subject = require_subject(uow, stored, self.clock.now())
        if stored is not None and self._is_worth_a_note(stored):
            uow.after_commit(lambda: self._note_use(stored.id))
        return subject

    def _decode(self, token: str) -> AuthTokenPayload:
        try:
            return decode_token(token, self.auth_key.get_secret_value())
        except UnauthorizedError as e:
            legacy = decode_legacy_token(token)
            if legacy is None:
                raise InvalidToken(str(e)) from None
            return legacy

    def _is_worth_a_note(self, stored: AuthTokenDto) -> bool:
        noted_at = stored.last_use_time
        return noted_at is None or self.clock.now() - noted_at >= _USE_PRECISION

    def _note_use(self, token_id: str) -> None:
        with self.writing() as uow:
            uow.auth_tokens.note_use(token_id, self.clock.now())


def require_subject(uow: UnitOfWork, stored: AuthTokenDto | None, now: datetime) -> AuthSubject:
    """Return the holder of a stored token; raises InvalidToken unless the token and its holder are valid."""
    if stored is None:
        raise InvalidToken("this auth token is not known here (any more): log in again")
    fault = find_token_fault(stored, now)
    if fault is not None:
        raise InvalidToken(f"this auth token {fault}: ask an admin for a new one")
    try:
        holder = uow.auth_subjects.get(stored.auth_subject_id)
    except EntityNotFound as e:
        raise InvalidToken(str(e)) from e
    fault = find_account_fault(holder)
    if fault is not None:
        raise InvalidToken(f"{fault}: ask an admin to activate it")
    # Not the name in the token: its holder may have been renamed, and another user have the name now.
    return replace(make_subject(holder), token_id=stored.id, expires_at=stored.expiry_time)


def find_token_fault(stored: AuthTokenDto, now: datetime) -> str | None:
    """Return why a stored token is not valid, or None if it is."""
    if not stored.active:
        return "was revoked"
    return None if stored.is_valid(now) else "has expired"


def find_account_fault(holder: AuthSubjectDto) -> str | None:
    """Return why the tokens of a holder are not valid, or None if they are."""
    return None if holder.is_active else f"user {holder.name} is not active"


def make_subject(holder: AuthSubjectDto) -> AuthSubject:
    """Convert a stored subject to a caller."""
    return AuthSubject(
        holder.subject_type, holder.name, id=holder.id or None, display_name=holder.display_name
    )
