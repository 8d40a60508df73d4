"""People: logging in, registering, changing passwords."""

import re
from dataclasses import dataclass

from racetrack_client.log.errors import AlreadyExists, ValidationError
from racetrack_commons.auth.scope import AuthScope
from racetrack_commons.clock import Clock

from lifecycle.audit import AuditEvent, AuditEventType, write_event
from lifecycle.auth.password_check import Credentials, PasswordCheck
from lifecycle.auth.password_strength import check_password_strength
from lifecycle.auth.passwords import Passwords
from lifecycle.auth.tokens import Tokens
from lifecycle.database.unit_of_work import UnitOfWorkFactory

REGISTERED_USER_SCOPES = (
    AuthScope.READ_JOB,
    AuthScope.CALL_JOB,
    AuthScope.DEPLOY_NEW_FAMILY,
    AuthScope.DEPLOY_JOB,
)
_USERNAME = re.compile(r"[\w.+-]+@[\w.@+-]+")
_MAX_USERNAME_LENGTH = 150


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
    """What people do with their accounts. Passwords are hashed outside of transactions."""

    unit_of_work: UnitOfWorkFactory
    passwords: Passwords
    password_check: PasswordCheck
    tokens: Tokens
    clock: Clock

    def log_in(self, credentials: Credentials) -> UserProfile:
        """Check the password and return a token; raises WrongCredentials, TooManyAttempts."""
        user = self.password_check.check(credentials)
        now = self.clock.now()
        with self.unit_of_work() as uow:
            uow.users.note_login(user.username, now)
            subject = uow.auth_subjects.ensure_of_user(user.id)
            token = self.tokens.ensure(uow, subject)
            write_event(uow, AuditEvent(AuditEventType.USER_LOGGED_IN, user.username), now)
        return UserProfile(user.username, token, user.is_staff)

    def register(self, username: str, password: str) -> None:
        """Add a user, whom staff has to activate."""
        check_username(username)
        check_password_strength(password, username)
        password_hash = self.passwords.hash(password)
        now = self.clock.now()
        with self.unit_of_work() as uow:
            if uow.users.is_taken(username):
                raise UsernameTaken(f"the username {username} is taken")
            user = uow.users.add(username, password_hash, now)
            subject = uow.auth_subjects.ensure_of_user(user.id)
            self.tokens.create(uow, subject)
            for scope in REGISTERED_USER_SCOPES:
                uow.permissions.grant(subject.id, scope)
            write_event(uow, AuditEvent(AuditEventType.USER_REGISTERED, username), now)

    def change_password(self, credentials: Credentials, new: str) -> None:
        """Replace the password of a user who knows the old one."""
        check_password_strength(new, credentials.username)
        self.password_check.check(credentials)
        self._set_password(credentials.username, new, executor=credentials.username)

    def set_password(self, username: str, new: str, executor: str) -> None:
        """Give a user another password, for those who may."""
        check_password_strength(new, username)
        self._set_password(username, new, executor)

    def _set_password(self, username: str, new: str, executor: str) -> None:
        password_hash = self.passwords.hash(new)
        event = AuditEvent(AuditEventType.PASSWORD_CHANGED, executor, owner=username)
        with self.unit_of_work() as uow:
            uow.users.set_password(username, password_hash)
            write_event(uow, event, self.clock.now())


def check_username(username: str) -> None:
    """Refuse names that are no e-mail addresses."""
    if len(username) > _MAX_USERNAME_LENGTH:
        raise ValidationError(f"the username may have {_MAX_USERNAME_LENGTH} characters at most")
    if not _USERNAME.fullmatch(username):
        raise ValidationError(
            "the username must be an e-mail address of letters, digits and . @ + - _"
        )
