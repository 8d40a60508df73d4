"""Sessions of browsers: people who log in get them instead of tokens, and each is good for one purpose.

A session is a signed text. It names a row, which ends at a log-out, and with the stored token by which its user logged in.
All sessions of one log-in name the same row, so they end together.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

import jwt
import pydantic
from pydantic import BaseModel, ConfigDict
from racetrack_commons.entities.dto import ChangeKind

from lifecycle.auth.authenticate import Authenticator, AuthSubject, InvalidToken, require_subject
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.auth import AuthTokenDto, BrowserSessionDto

_ALGORITHM = "HS256"


class SessionPurpose(StrEnum):
    """The purpose of a session, which is good for nothing else."""

    JOBS = "jobs"
    """Calls of jobs, through PUB."""
    PANEL = "panel"
    """The admin panel."""
    DASHBOARD = "dashboard"
    """The API of Lifecycle, which the dashboard calls for its visitor."""


class _Claims(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    purpose: SessionPurpose


@dataclass(frozen=True)
class BrowserSessions:
    """Opens and ends sessions, and finds the subjects that they belong to."""

    authenticator: Authenticator
    lifetime: timedelta

    @property
    def lifetime_seconds(self) -> int:
        """The seconds after which a session ends."""
        return int(self.lifetime.total_seconds())

    def open(self, token: str, purposes: Iterable[SessionPurpose]) -> dict[SessionPurpose, str]:
        """Return new sessions of the holder of a stored token, one for each purpose; raises InvalidToken."""
        now = self.authenticator.clock.now()
        with self.authenticator.writing() as uow:
            stored = uow.auth_tokens.find(token)
            subject = require_subject(uow, stored, now)
            row = uow.browser_sessions.add(subject.token_id or "", now, now + self.lifetime)
        return {purpose: self._sign(_Claims(id=row.id, purpose=purpose)) for purpose in purposes}

    def end(self, sessions: Iterable[str]) -> None:
        """End sessions, with all others of the same log-in; ended ones, and texts that are none, are ignored."""
        ids = [claims.id for claims in map(self._read, sessions) if claims is not None]
        if not ids:
            return
        with self.authenticator.writing() as uow:
            if uow.browser_sessions.remove(ids):
                uow.record_change(ChangeKind.AUTH)  # PUB remembers whom it has admitted.

    def keep(self, uow: UnitOfWork, subject: AuthSubject) -> None:
        """Let the session of a caller outlive the replacement of its token, which the caller has asked for."""
        if subject.session_id is not None:
            uow.browser_sessions.reopen(subject.session_id, self.authenticator.clock.now())

    def find_subject(self, session: str, purpose: SessionPurpose) -> AuthSubject | None:
        """Return the subject of a session, or None when it has ended, or is for another purpose, or none at all."""
        with self.authenticator.reading() as uow:
            return self._find_subject(uow, session, purpose)

    def authenticate(self, shown: str | None, purpose: SessionPurpose) -> AuthSubject:
        """Return the caller, by a token or by a session for the purpose; raises InvalidToken."""
        with self.authenticator.reading() as uow:
            return self.recognize(uow, shown, purpose)

    def recognize(self, uow: UnitOfWork, shown: str | None, purpose: SessionPurpose) -> AuthSubject:
        """Return the caller, in a unit of work that only reads; raises InvalidToken."""
        subject = self._find_subject(uow, shown, purpose) if shown else None
        if subject is None:
            return self.authenticator.recognize(uow, shown)
        return replace(subject, is_unlimited=not self.authenticator.auth_required)

    def _find_subject(
        self, uow: UnitOfWork, session: str, purpose: SessionPurpose
    ) -> AuthSubject | None:
        claims = self._read(session)
        if claims is None or claims.purpose is not purpose:
            return None
        now = self.authenticator.clock.now()
        row = uow.browser_sessions.find(claims.id)
        stored = uow.auth_tokens.find_by_id(row.token_id) if row else None
        if row is None or row.ends_at <= now or not _is_of(stored, row):
            return None
        try:
            subject = require_subject(uow, stored, now)
        except InvalidToken:
            return None
        expires_at = min(row.ends_at, subject.expires_at or row.ends_at)
        return replace(subject, expires_at=expires_at, session_id=row.id)

    def is_signed(self, shown: str) -> bool:
        """Return whether this platform has signed the text as a session or a token, without a look at the database."""
        return self.authenticator.is_signed(shown) or self._read(shown) is not None

    @property
    def _key(self) -> str:
        # Not the key of tokens: no session can be taken for a token, nor a token for a session.
        key = self.authenticator.auth_key.get_secret_value()
        return hashlib.sha256(f"browser sessions {key}".encode()).hexdigest()

    def _sign(self, claims: _Claims) -> str:
        return jwt.encode(claims.model_dump(mode="json"), self._key, algorithm=_ALGORITHM)

    def _read(self, session: str) -> _Claims | None:
        try:
            claims: dict[str, Any] = jwt.decode(session, self._key, algorithms=[_ALGORITHM])
            return _Claims.model_validate(claims)
        except (jwt.InvalidTokenError, pydantic.ValidationError):
            return None


def _is_of(stored: AuthTokenDto | None, row: BrowserSessionDto) -> bool:
    """Return whether the token is still the one that the session was opened by."""
    return stored is not None and (
        stored.create_time is None or stored.create_time <= row.opened_at
    )
