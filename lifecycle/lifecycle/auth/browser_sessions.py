"""Sessions of browsers: cookies hold them instead of tokens, and each is good for one purpose.

A session is signed, and names the stored token by which its user logged in: it ends with that token.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import jwt
import pydantic
from pydantic import BaseModel, ConfigDict

from lifecycle.auth.authenticate import Authenticator, AuthSubject, InvalidToken, require_subject
from lifecycle.domain.auth import AuthTokenDto

_ALGORITHM = "HS256"


class SessionPurpose(StrEnum):
    """The purpose of a session, which is good for nothing else."""

    JOBS = "jobs"
    """Calls of jobs, through PUB."""
    PANEL = "panel"
    """The admin panel."""


class _Claims(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    purpose: SessionPurpose
    token_id: str
    opened_at: float
    """Seconds since 1970; a token that was replaced later is another one, although it keeps its id."""
    ends_at: float


@dataclass(frozen=True)
class BrowserSessions:
    """Opens sessions, and finds the subjects that they belong to."""

    authenticator: Authenticator
    lifetime: timedelta

    @property
    def lifetime_seconds(self) -> int:
        """The seconds after which a session ends."""
        return int(self.lifetime.total_seconds())

    def open(self, token: str, purpose: SessionPurpose) -> str:
        """Return a new session of the holder of a stored token; raises InvalidToken."""
        now = self.authenticator.clock.now()
        with self.authenticator.reading() as uow:
            stored = uow.auth_tokens.find(token)
            require_subject(uow, stored, now)
        claims = _Claims(
            purpose=purpose,
            token_id=stored.id if stored else "",
            opened_at=now.timestamp(),
            ends_at=(now + self.lifetime).timestamp(),
        )
        return jwt.encode(claims.model_dump(mode="json"), self._key, algorithm=_ALGORITHM)

    def find_subject(self, session: str, purpose: SessionPurpose) -> AuthSubject | None:
        """Return the subject of a session, or None when it has ended, or is for another purpose, or none at all."""
        claims = self._read(session)
        now = self.authenticator.clock.now()
        if claims is None or claims.purpose is not purpose or claims.ends_at <= now.timestamp():
            return None
        with self.authenticator.reading() as uow:
            stored = uow.auth_tokens.find_by_id(claims.token_id)
            if stored is None or not _is_of(stored, claims):
                return None
            try:
                subject = require_subject(uow, stored, now)
            except InvalidToken:
                return None
        ends_at = datetime.fromtimestamp(claims.ends_at, UTC)
        expires_at = min(ends_at, subject.expires_at or ends_at)
        return replace(subject, expires_at=expires_at)

    def authenticate_caller(self, shown: str | None) -> AuthSubject:
        """Return the subject that calls a job, by a token or by a session for jobs; raises InvalidToken."""
        subject = self.find_subject(shown, SessionPurpose.JOBS) if shown else None
        if subject is None:
            return self.authenticator.authenticate(shown)
        return replace(subject, is_unlimited=not self.authenticator.auth_required)

    @property
    def _key(self) -> str:
        # Not the key of tokens: no session can be taken for a token, nor a token for a session.
        key = self.authenticator.auth_key.get_secret_value()
        return hashlib.sha256(f"browser sessions {key}".encode()).hexdigest()

    def _read(self, session: str) -> _Claims | None:
        try:
            claims: dict[str, Any] = jwt.decode(session, self._key, algorithms=[_ALGORITHM])
            return _Claims.model_validate(claims)
        except (jwt.InvalidTokenError, pydantic.ValidationError):
            return None


def _is_of(stored: AuthTokenDto, claims: _Claims) -> bool:
    return stored.create_time is None or stored.create_time.timestamp() <= claims.opened_at
