"""Finding out whether somebody knows the password of a user."""

from dataclasses import dataclass, field

from racetrack_client.log.errors import UnauthorizedError
from racetrack_client.log.logs import get_logger
from racetrack_commons.clock import Clock

from lifecycle.auth.attempts import Attempt, AttemptLimits, begin_attempt, forget_attempts
from lifecycle.auth.passwords import Passwords
from lifecycle.database.dto import UserDto
from lifecycle.database.unit_of_work import UnitOfWorkFactory

logger = get_logger(__name__)

FAILURE_SECONDS = 1.0
"""How long each refusal takes: longer than the slowest hash, so it tells nothing about the user."""


class WrongCredentials(UnauthorizedError):
    """Nobody may log in with this name and password."""


@dataclass(frozen=True)
class Credentials:
    """What somebody types."""

    username: str
    password: str = field(repr=False)
    address: str
    """Where they are."""


@dataclass(frozen=True)
class PasswordCheck:
    """Compares between two transactions: it takes long, and the database has others to serve."""

    unit_of_work: UnitOfWorkFactory
    passwords: Passwords
    limits: AttemptLimits
    clock: Clock

    def check(self, credentials: Credentials) -> UserDto:
        """Return the active user whose password it is; raises WrongCredentials, TooManyAttempts."""
        begun_at = self.clock.monotonic()
        attempt = Attempt(credentials.username, credentials.address)
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

    def _settle(self, attempt: Attempt, user: UserDto, password: str) -> None:
        outdated = self.passwords.is_outdated(user.password)
        better = self.passwords.hash(password) if outdated else None
        with self.unit_of_work() as uow:
            forget_attempts(uow, attempt)
            if better is not None:
                uow.users.set_password(user.username, better)
