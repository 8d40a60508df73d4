"""Finding out whether somebody knows the password of a user."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from racetrack_client.log.errors import TooManyRequests, UnauthorizedError
from racetrack_client.log.logs import get_logger
from racetrack_commons.clock import Clock

from lifecycle.auth.passwords import Passwords
from lifecycle.database.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lifecycle.domain.auth import UserDto

logger = get_logger(__name__)
FAILURE_SECONDS = 1.0
"""How long each refusal takes: longer than the slowest hash, so it tells nothing about the user."""


class WrongCredentials(UnauthorizedError):
    """Nobody may log in with this name and password."""


class TooManyAttempts(TooManyRequests):
    """Whoever it is guesses passwords, or has forgotten one."""


@dataclass(frozen=True)
class LoginCredentials:
    """What somebody types."""

    username: str
    password: str = field(repr=False)
    address: str
    """Where they are."""


@dataclass(frozen=True)
class AttemptLimits:
    """How often log-in may fail within `window`."""

    per_account: int = 10
    """One address, as one user. Not one user from anywhere: strangers could lock an admin out."""
    per_address: int = 100
    """One address, as anybody."""
    window: timedelta = timedelta(minutes=15)


@dataclass(frozen=True)
class LoginAttempt:
    """Somebody at an address wants to be a user."""

    username: str
    address: str

    @property
    def account(self) -> str:
        """The name as it is stored."""
        return hashlib.sha256(self.username.strip().casefold().encode()).hexdigest()


@dataclass(frozen=True)
class PasswordCheck:
    """Compares between two transactions: it takes long, and the database has others to serve."""

    unit_of_work: UnitOfWorkFactory
    passwords: Passwords
    limits: AttemptLimits
    clock: Clock

    def require_user(self, credentials: LoginCredentials) -> UserDto:
        """Return the active user whose password it is; raises WrongCredentials, TooManyAttempts."""
        begun_at = self.clock.monotonic()
        attempt = LoginAttempt(credentials.username, credentials.address)
        with self.unit_of_work() as uow:
            begin_attempt(uow, self.limits, attempt, self.clock.now())
            user = uow.users.find(credentials.username)
        is_correct = self.passwords.is_correct(
            credentials.password, user.password if user else None
        )
        if user is None or not is_correct or not user.is_active:
            logger.info(f"a log-in from {credentials.address} was refused")
            self.clock.sleep(FAILURE_SECONDS - (self.clock.monotonic() - begun_at))
            raise WrongCredentials(
                "wrong username or password, or the user is not active: ask an admin"
            )
        self._settle(attempt, user, credentials.password)
        return user

    def _settle(self, attempt: LoginAttempt, user: UserDto, password: str) -> None:
        outdated = self.passwords.is_outdated(user.password)
        better = self.passwords.hash(password) if outdated else None
        with self.unit_of_work() as uow:
            forget_attempts(uow, attempt)
            if better is not None:
                uow.users.set_password(user.username, better)


def begin_attempt(
    uow: UnitOfWork, limits: AttemptLimits, attempt: LoginAttempt, now: datetime
) -> None:
    """Note an attempt before its password is looked at; raises TooManyAttempts.

    It counts as failed until `forget_attempts`, so a hundred at once are a hundred.
    """
    uow.login_attempts.lock()
    since = now - limits.window
    as_anybody = uow.login_attempts.list_times(since, attempt.address)
    _check_below_limit(as_anybody, limits.per_address, since)
    as_this = uow.login_attempts.list_times(since, attempt.address, attempt.account)
    _check_below_limit(as_this, limits.per_account, since)
    uow.login_attempts.add(attempt.account, attempt.address, now)


def forget_attempts(uow: UnitOfWork, attempt: LoginAttempt) -> None:
    """Forget what failed before: they knew the password after all."""
    uow.login_attempts.forget(attempt.account, attempt.address)


def _check_below_limit(times: list[datetime], most: int, since: datetime) -> None:
    if len(times) < most:
        return
    seconds = (times[-most] - since).total_seconds()
    raise TooManyAttempts(
        f"too many attempts to log in: try again in {seconds / 60:.0f} minutes", seconds
    )
