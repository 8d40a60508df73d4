"""Stored tokens, sessions of browsers, and log-ins that did not succeed."""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any

from racetrack_client.log.errors import EntityNotFound
from sqlalchemy import Select, bindparam, delete, select, text
from sqlalchemy.orm import Session

from lifecycle.database.session import execute_counting, require_found
from lifecycle.database.tables.auth import AuthTokenRow, BrowserSessionRow, LoginAttemptRow
from lifecycle.domain.auth import AuthTokenDto, BrowserSessionDto, TokenText

_LOCK = 7202_0003


class AuthTokenRepository:
    """The rows of `registry_authtoken`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, token: str) -> AuthTokenDto | None:
        """Return the stored token of exactly that text, or None."""
        digest = TokenText(text=token).digest
        row = self._session.execute(_select_token(), {"digest": digest}).first()
        return AuthTokenDto.model_validate(row) if row else None

    def find_by_id(self, token_id: str) -> AuthTokenDto | None:
        """Return the stored token with an id, or None."""
        row = self._session.get(AuthTokenRow, token_id)
        return AuthTokenDto.model_validate(row) if row else None

    def list_of_subject(self, subject_id: str) -> list[AuthTokenDto]:
        """List the tokens of a subject, the newest first."""
        query = (
            select(AuthTokenRow)
            .where(AuthTokenRow.auth_subject_id == subject_id)
            .order_by(AuthTokenRow.create_time.desc().nulls_last(), AuthTokenRow.id)
        )
        rows = self._session.scalars(query)
        return [AuthTokenDto.model_validate(row) for row in rows]

    def add(
        self,
        subject_id: str,
        token: TokenText,
        expiry_time: datetime | None = None,
        create_time: datetime | None = None,
    ) -> AuthTokenDto:
        """Store a token of a subject, without its text."""
        row = AuthTokenRow(
            auth_subject_id=subject_id,
            token=token.digest,
            sealed=token.sealed,
            token_end=token.end,
            expiry_time=expiry_time,
            create_time=create_time,
        )
        self._session.add(row)
        self._session.flush()
        return AuthTokenDto.model_validate(row)

    def replace(self, token_id: str, token: TokenText, now: datetime) -> None:
        """Replace the text of a stored token; its expiry and whether it is active stay. Raises EntityNotFound."""
        self.set_text(token_id, token)
        row = self._get_row(token_id)
        row.create_time = now
        row.last_use_time = None

    def set_text(self, token_id: str, token: TokenText) -> None:
        """Make a stored token be found by this text; raises EntityNotFound."""
        row = self._get_row(token_id)
        row.token, row.sealed, row.token_end = token.digest, token.sealed, token.end

    def note_use(self, token_id: str, now: datetime) -> None:
        """Store when a token was last used; raises EntityNotFound."""
        self._get_row(token_id).last_use_time = now

    def remove(self, subject_id: str, token_id: str) -> None:
        """Delete a token of a subject; raises EntityNotFound when the subject has none of that id."""
        row = self._session.get(AuthTokenRow, token_id)
        if row is None or row.auth_subject_id != subject_id:
            raise EntityNotFound(f"there is no such token with the id {token_id}")
        self._session.delete(row)

    def _get_row(self, token_id: str) -> AuthTokenRow:
        return require_found(
            self._session.get(AuthTokenRow, token_id), f"there is no token with the id {token_id}"
        )


class BrowserSessionRepository:
    """The rows of `registry_browsersession`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, session_id: str) -> BrowserSessionDto | None:
        """Return the session with an id, or None when it was ended or forgotten."""
        row = self._session.get(BrowserSessionRow, session_id)
        return BrowserSessionDto.model_validate(row) if row else None

    def add(self, token_id: str, opened_at: datetime, ends_at: datetime) -> BrowserSessionDto:
        """Store a new session."""
        row = BrowserSessionRow(token_id=token_id, opened_at=opened_at, ends_at=ends_at)
        self._session.add(row)
        self._session.flush()
        return BrowserSessionDto.model_validate(row)

    def reopen(self, session_id: str, now: datetime) -> None:
        """Let a session outlive the token that was replaced; raises EntityNotFound."""
        row = require_found(self._session.get(BrowserSessionRow, session_id), "the session is over")
        row.opened_at = now

    def remove(self, session_ids: Collection[str]) -> int:
        """Delete sessions; return the number of those that there were."""
        statement = delete(BrowserSessionRow).where(BrowserSessionRow.id.in_(session_ids))
        return execute_counting(self._session, statement)

    def remove_ended(self, now: datetime) -> None:
        """Delete the sessions that have ended."""
        statement = delete(BrowserSessionRow).where(BrowserSessionRow.ends_at <= now)
        execute_counting(self._session, statement)


class LoginAttemptRepository:
    """The rows of `registry_loginattempt`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def lock(self) -> None:
        """Block other transactions from counting attempts until this one ends, so that simultaneous attempts all count."""
        if self._session.get_bind().dialect.name == "postgresql":
            statement = text("SELECT pg_advisory_xact_lock(:number)")
            self._session.execute(statement, {"number": _LOCK})

    def add(self, account: str, address: str, time: datetime) -> None:
        """Store an attempt."""
        self._session.add(LoginAttemptRow(account=account, address=address, time=time))

    def list_times(
        self, since: datetime, address: str, account: str | None = None
    ) -> list[datetime]:
        """List the times of an address's attempts after `since`, on one account or on any, the oldest first."""
        query = select(LoginAttemptRow.time).where(
            LoginAttemptRow.time > since, LoginAttemptRow.address == address
        )
        if account is not None:
            query = query.where(LoginAttemptRow.account == account)
        return list(self._session.scalars(query.order_by(LoginAttemptRow.time)))

    def forget(self, account: str, address: str) -> None:
        """Delete the attempts of an address on an account."""
        statement = delete(LoginAttemptRow).where(
            LoginAttemptRow.account == account, LoginAttemptRow.address == address
        )
        execute_counting(self._session, statement)

    def remove_before(self, moment: datetime) -> None:
        """Delete the attempts before `moment`."""
        statement = delete(LoginAttemptRow).where(LoginAttemptRow.time < moment)
        execute_counting(self._session, statement)


@cache
def _select_token() -> Select[Any]:
    """Return the query of the token with a digest; each request asks it."""
    return select(*AuthTokenRow.__table__.columns).where(AuthTokenRow.token == bindparam("digest"))
