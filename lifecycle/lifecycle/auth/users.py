"""People: logging in, registering, changing passwords."""

from dataclasses import dataclass

from racetrack_client.log.errors import AlreadyExists, UnauthorizedError, ValidationError
from racetrack_commons.auth.scope import AuthScope
from racetrack_commons.clock import Clock

from lifecycle.auth.passwords import Passwords, check_password_strength
from lifecycle.auth.tokens import Tokens
from lifecycle.database.dto import UserDto
from lifecycle.database.unit_of_work import UnitOfWork

REGISTERED_USER_SCOPES = (
    AuthScope.READ_JOB,
    AuthScope.CALL_JOB,
    AuthScope.DEPLOY_NEW_FAMILY,
    AuthScope.DEPLOY_JOB,
)


class WrongCredentials(UnauthorizedError):
    """Nobody may log in with this name and password."""


class UsernameTaken(AlreadyExists):
    """Somebody has this name already."""


@dataclass(frozen=True)
class UserProfile:
    """Who logged in."""

    username: str
    token: str
    is_staff: bool


@dataclass(frozen=True)
class Users:
    """What people do with their accounts."""

    passwords: Passwords
    tokens: Tokens
    clock: Clock

    def log_in(self, uow: UnitOfWork, username: str, password: str) -> UserProfile:
        """Check the password and return a token; raises WrongCredentials."""
        user = self._check_credentials(uow, username, password)
        uow.users.note_login(username, self.clock.now())
        return self.get_profile(uow, user)

    def get_profile(self, uow: UnitOfWork, user: UserDto) -> UserProfile:
        """Return what a user sees about themselves."""
        subject = uow.auth_subjects.ensure_of_user(user.id)
        return UserProfile(user.username, self.tokens.ensure(uow, subject), user.is_staff)

    def register(self, uow: UnitOfWork, username: str, password: str) -> None:
        """Add a user, whom staff has to activate."""
        if "@" not in username:
            raise ValidationError("the username must be an e-mail address")
        check_password_strength(password)
        if uow.users.find(username) is not None:
            raise UsernameTaken(f"the username {username} is taken")
        user = uow.users.add(username, self.passwords.hash(password), self.clock.now())
        subject = uow.auth_subjects.ensure_of_user(user.id)
        self.tokens.create(uow, subject)
        for scope in REGISTERED_USER_SCOPES:
            uow.permissions.grant(subject.id, scope)

    def change_password(self, uow: UnitOfWork, username: str, old: str, new: str) -> None:
        """Replace the password of a user who knows the old one."""
        check_password_strength(new)
        self._check_credentials(uow, username, old)
        uow.users.set_password(username, self.passwords.hash(new))

    def _check_credentials(self, uow: UnitOfWork, username: str, password: str) -> UserDto:
        user = uow.users.find(username)
        stored = user.password if user else None
        if not self.passwords.is_correct(password, stored) or user is None or not user.is_active:
            raise WrongCredentials(
                "wrong username or password, or the user is not active: ask an admin"
            )
        if self.passwords.is_outdated(user.password):
            uow.users.set_password(username, self.passwords.hash(password))
        return user
