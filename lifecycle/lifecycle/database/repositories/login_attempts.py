"""Log-ins that did not succeed."""

from datetime import datetime

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from lifecycle.database.statements import execute_counting
from lifecycle.database.tables import LoginAttemptRow

_LOCK = 7202_0003


class LoginAttemptRepository:
    """The rows of `registry_loginattempt`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def lock(self) -> None:
        """Let nobody else count attempts before this transaction ends: many at once count as many."""
        if self._session.get_bind().dialect.name == "postgresql":
            statement = text("SELECT pg_advisory_xact_lock(:number)")
            self._session.execute(statement, {"number": _LOCK})

    def add(self, account: str, address: str, time: datetime) -> None:
        """Note an attempt."""
        self._session.add(LoginAttemptRow(account=account, address=address, time=time))

    def list_times(
        self, since: datetime, address: str, account: str | None = None
    ) -> list[datetime]:
        """List when an address tried since then, to be one account or any; the oldest first."""
        query = select(LoginAttemptRow.time).where(
            LoginAttemptRow.time > since, LoginAttemptRow.address == address
        )
        if account is not None:
            query = query.where(LoginAttemptRow.account == account)
        return list(self._session.scalars(query.order_by(LoginAttemptRow.time)))

    def forget(self, account: str, address: str) -> None:
        """Forget what an address tried on an account."""
        statement = delete(LoginAttemptRow).where(
            LoginAttemptRow.account == account, LoginAttemptRow.address == address
        )
        execute_counting(self._session, statement)

    def remove_before(self, moment: datetime) -> None:
        """Forget old attempts."""
        statement = delete(LoginAttemptRow).where(LoginAttemptRow.time < moment)
        execute_counting(self._session, statement)
