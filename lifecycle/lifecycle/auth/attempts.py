"""Limits of guessing passwords: counted in the database, so that all processes count together."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from racetrack_client.log.errors import TooManyRequests

from lifecycle.database.unit_of_work import UnitOfWork


class TooManyAttempts(TooManyRequests):
    """Whoever it is guesses passwords, or has forgotten one."""


@dataclass(frozen=True)
class AttemptLimits:
    """How often log-in may fail within `window`."""

    per_account: int = 10
    """One address, as one user. Not one user from anywhere: strangers could lock an admin out."""
    per_address: int = 100
    """One address, as anybody."""
    window: timedelta = timedelta(minutes=15)


@dataclass(frozen=True)
class Attempt:
    """Somebody at an address wants to be a user."""

    username: str
    address: str

    @property
    def account(self) -> str:
        """The name as it is stored."""
        return hashlib.sha256(self.username.strip().casefold().encode()).hexdigest()


def begin_attempt(uow: UnitOfWork, limits: AttemptLimits, attempt: Attempt, now: datetime) -> None:
    """Note an attempt before its password is looked at; raises TooManyAttempts.

    It counts as failed until `forget_attempts`, so a hundred at once are a hundred.
    """
    uow.login_attempts.lock()
    since = now - limits.window
    as_anybody = uow.login_attempts.list_times(since, attempt.address)
    _check(as_anybody, limits.per_address, since)
    as_this = uow.login_attempts.list_times(since, attempt.address, attempt.account)
    _check(as_this, limits.per_account, since)
    uow.login_attempts.add(attempt.account, attempt.address, now)


def forget_attempts(uow: UnitOfWork, attempt: Attempt) -> None:
    """Forget what failed before: they knew the password after all."""
    uow.login_attempts.forget(attempt.account, attempt.address)


def _check(times: list[datetime], most: int, since: datetime) -> None:
    if len(times) < most:
        return
    seconds = (times[-most] - since).total_seconds()
    raise TooManyAttempts(
        f"too many attempts to log in: try again in {seconds / 60:.0f} minutes", seconds
    )
