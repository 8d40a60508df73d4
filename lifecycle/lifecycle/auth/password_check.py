"""The check of a user's password at login, with limits on guesses, which all processes count together in the database."""

import contextlib
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from racetrack_client.log.errors import DiskFull, TooManyRequests, UnauthorizedError
from racetrack_client.log.logs import get_logger
from racetrack_commons.clock import Clock

from lifecycle.auth.passwords.hash_process import Passwords
from lifecycle.auth.passwords.hashes import is_outdated
from lifecycle.database.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lifecycle.domain.auth import UserDto

logger = get_logger(__name__)
FAILURE_SECONDS = 1.0
"""The duration of each refusal: longer than the slowest hash, so it tells nothing about the user. Endpoints wait for it."""
REGISTRATION = "registration"
"""The account under which registrations are counted; those of users are hashes."""


class WrongCredentials(UnauthorizedError):
    """The username or the password is wrong, or the user is not active."""


class TooManyAttempts(TooManyRequests):
    """Too many attempts to log in failed within the time window."""


@dataclass(frozen=True)
class LoginCredentials:
    """The username and password of a login, and the address of the client."""

    username: str
    password: str = field(repr=False)
    address: str

    @property
    def account(self) -> str:
        """The username's hash, under which the database stores attempts to log in."""
        return hashlib.sha256(self.username.strip().casefold().encode()).hexdigest()


@dataclass(frozen=True)
class AttemptLimits:
    """The number of attempts to log in that may fail within `window`, and of registrations."""

    per_account: int = 10
    """The limit for one user from one address. A limit for one user from all addresses would let strangers lock an admin out."""
    per_address: int = 100
    """The limit for all users from one address."""
    registrations: int = 20
    """The limit of registrations from one address, which count as attempts of that address, too."""
    window: timedelta = timedelta(minutes=15)


@dataclass(frozen=True)
class PasswordCheck:
    """Compares hashes between two transactions: a hash takes long, and an open transaction would block others."""

    unit_of_work: UnitOfWorkFactory
    passwords: Passwords
    limits: AttemptLimits
    clock: Clock

    def require_user(self, credentials: LoginCredentials) -> UserDto:
        """Return the active user with this password; raises WrongCredentials or TooManyAttempts."""
        user = self._begin(credentials)
        is_correct = self.passwords.is_correct(
            credentials.password, user.password if user else None
        )
        if user is None or not is_correct or not user.is_active:
            logger.info(f"a log-in from {credentials.address} was refused")
            raise WrongCredentials(
                "wrong username or password, or the user is not active: ask an admin"
            )
        self._settle(credentials, user)
        return user

    def _begin(self, credentials: LoginCredentials) -> UserDto | None:
        """Record an attempt and find its user; on a full disk, where nothing is recorded, each guess still takes a second."""
        now = self.clock.now()
        try:
            with self.unit_of_work() as uow:
                begin_attempt(uow, self.limits, credentials, now)
                return uow.users.find(credentials.username)
        except DiskFull:
            with self.unit_of_work.reading() as uow:
                _check_limits(uow, self.limits, credentials, now)
                return uow.users.find(credentials.username)

    def _settle(self, credentials: LoginCredentials, user: UserDto) -> None:
        outdated = is_outdated(user.password)
        better = self.passwords.hash(credentials.password) if outdated else None
        with contextlib.suppress(DiskFull), self.unit_of_work() as uow:
            forget_attempts(uow, credentials)
            if better is not None:
                uow.users.set_password(user.username, better)


def begin_attempt(
    uow: UnitOfWork, limits: AttemptLimits, credentials: LoginCredentials, now: datetime
) -> None:
    """Record an attempt before its password is checked; raises TooManyAttempts.

    The attempt counts as failed until `forget_attempts`, so simultaneous guesses all count.
    """
    uow.login_attempts.lock()
    _check_limits(uow, limits, credentials, now)
    uow.login_attempts.add(credentials.account, credentials.address, now)


def _check_limits(
    uow: UnitOfWork, limits: AttemptLimits, credentials: LoginCredentials, now: datetime
) -> None:
    since = now - limits.window
    as_anybody = uow.login_attempts.list_times(since, credentials.address)
    _check_below_limit(as_anybody, limits.per_address, since, "log in")
    as_this = uow.login_attempts.list_times(since, credentials.address, credentials.account)
    _check_below_limit(as_this, limits.per_account, since, "log in")


def begin_registration(uow: UnitOfWork, limits: AttemptLimits, address: str, now: datetime) -> None:
    """Record a registration before its password is hashed; raises TooManyAttempts."""
    uow.login_attempts.lock()
    since = now - limits.window
    earlier = uow.login_attempts.list_times(since, address, REGISTRATION)
    _check_below_limit(earlier, limits.registrations, since, "register")
    uow.login_attempts.add(REGISTRATION, address, now)


def forget_attempts(uow: UnitOfWork, credentials: LoginCredentials) -> None:
    """Delete the failed attempts of a client that then knew the password."""
    uow.login_attempts.forget(credentials.account, credentials.address)


def _check_below_limit(times: list[datetime], most: int, since: datetime, aim: str) -> None:
    if len(times) < most:
        return
    seconds = (times[-most] - since).total_seconds()
    raise TooManyAttempts(
        f"too many attempts to {aim}: try again in {seconds / 60:.0f} minutes", seconds
    )
