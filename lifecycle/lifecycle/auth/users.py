"""Accounts of people: login, registration, passwords, rights, and the first admin."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr
from racetrack_client.entities import AuthScope
from racetrack_client.log.errors import AlreadyExists, DiskFull, ValidationError
from racetrack_commons.auth.token import admin_token
from racetrack_commons.clock import Clock
from racetrack_commons.entities.audit import AuditEventType

from lifecycle.audit import AuditEvent, describe_change, write_event
from lifecycle.auth.authenticate import ANONYMOUS, AuthSubject
from lifecycle.auth.authorize import NotPermitted
from lifecycle.auth.password_check import LoginCredentials, PasswordCheck, begin_registration
from lifecycle.auth.passwords.hash_process import Passwords
from lifecycle.auth.passwords.hashes import hash_password
from lifecycle.auth.passwords.strength import check_password_strength
from lifecycle.auth.tokens import Tokens
from lifecycle.database.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lifecycle.domain.auth import AuthSubjectDto, LoggedInUser, UserDto, UserRights

ADMIN = "admin"
DEVELOPMENT_PASSWORD = "admin"  # noqa: S105 - used in development mode only
_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.@+_-]*")
_RESERVED_USERNAMES = {ANONYMOUS}
"""Names that audit logs and jobs show for callers who are no users."""
_MAX_USERNAME_LENGTH = 150
_GENERATED_BYTES = 12


class UsernameTaken(AlreadyExists):
    """Another user has this name."""


@dataclass(frozen=True)
class Users:
    """Logs users in, registers them and changes their passwords, which are hashed outside of transactions."""

    unit_of_work: UnitOfWorkFactory
    passwords: Passwords
    password_check: PasswordCheck
    tokens: Tokens
    clock: Clock
    registered_scopes: Sequence[AuthScope] = ()
    """The scopes, on everything, of users who register themselves."""

    def log_in(self, credentials: LoginCredentials) -> LoggedInUser:
        """Check the password and return the user with a token; raises WrongCredentials or TooManyAttempts."""
        user = self.password_check.require_user(credentials)
        now = self.clock.now()
        try:
            with self.unit_of_work() as uow:
                uow.users.note_login(user.username, now)
                token = self._ensure_token(uow, user.id)
                write_event(uow, AuditEvent(AuditEventType.USER_LOGGED_IN, user.username), now)
        except DiskFull:  # The user may be the one who frees the disk.
            with self.unit_of_work.reading() as uow:
                token = self._ensure_token(uow, user.id)
        return LoggedInUser(user, token)

    def _ensure_token(self, uow: UnitOfWork, user_id: int) -> str:
        return self.tokens.ensure_valid(uow, uow.auth_subjects.get_or_add_of_user(user_id))

    def begin_registration(self, address: str) -> None:
        """Count a registration from an address; raises TooManyAttempts."""
        with self.unit_of_work() as uow:
            begin_registration(uow, self.password_check.limits, address, self.clock.now())

    def register(self, username: str, password: str) -> None:
        """Add a user whom staff has to activate; raises ValidationError or UsernameTaken."""
        password_hash = self._hash_of_new(username, password)
        now = self.clock.now()
        with self.unit_of_work() as uow:
            subject = self._insert(uow, username, password_hash, now)
            for scope in self.registered_scopes:
                uow.permissions.grant(subject.id, scope)
            write_event(uow, AuditEvent(AuditEventType.USER_REGISTERED, username), now)

    def add(self, username: str, password: str | None, executor: str) -> str | None:
        """Add an active user without permissions; return the password if it was generated, because none was given.

        Raises ValidationError or UsernameTaken.
        """
        chosen = password or secrets.token_urlsafe(_GENERATED_BYTES)
        password_hash = self._hash_of_new(username, chosen)
        now = self.clock.now()
        with self.unit_of_work() as uow:
            self._insert(uow, username, password_hash, now)
            uow.users.set_active(username, active=True)
            event = AuditEvent(AuditEventType.USER_ADDED, executor, owner=username)
            write_event(uow, event, now)
        return None if password else chosen

    def _hash_of_new(self, username: str, password: str) -> str:
        """Check the name and password of a new user, and hash the password."""
        check_username(username)
        check_password_strength(password, username)
        return self.passwords.hash(password)

    def _insert(
        self, uow: UnitOfWork, username: str, password_hash: str, now: datetime
    ) -> AuthSubjectDto:
        """Insert a user with a token, who is not active; raises UsernameTaken."""
        check_username_is_free(uow, username)
        user = uow.users.add(username, password_hash, now)
        subject = uow.auth_subjects.get_or_add_of_user(user.id)
        self.tokens.create(uow, subject)
        return subject

    def change_password(self, credentials: LoginCredentials, new: str) -> None:
        """Replace the password of a user who knows the old one."""
        check_password_strength(new, credentials.username)
        self.password_check.require_user(credentials)
        self._set_password(credentials.username, new, executor=credentials.username)

    def set_password(self, username: str, new: str, executor: str) -> None:
        """Replace a user's password on behalf of `executor`, whose rights were checked before."""
        check_password_strength(new, username)
        self._set_password(username, new, executor)

    def _set_password(self, username: str, new: str, executor: str) -> None:
        password_hash = self.passwords.hash(new)
        event = AuditEvent(AuditEventType.PASSWORD_CHANGED, executor, owner=username)
        with self.unit_of_work() as uow:
            uow.users.set_password(username, password_hash)
            write_event(uow, event, self.clock.now())


def check_username(username: str) -> None:
    """Refuse usernames that a command line, an URL or the prefix of a holder (`user:`) could take for something else."""
    if len(username) > _MAX_USERNAME_LENGTH:
        raise ValidationError(f"the username may have {_MAX_USERNAME_LENGTH} characters at most")
    if not _USERNAME.fullmatch(username):
        raise ValidationError(
            "the username may hold ASCII letters, digits and . @ + - _ only, and begins with"
            " a letter or digit, such as anna or anna@example.com"
        )
    if username.lower() in _RESERVED_USERNAMES:
        raise ValidationError(f"the username {username} is reserved: choose another one")


def check_username_is_free(uow: UnitOfWork, username: str) -> None:
    """Refuse the name of another user, also in other capitals; raises UsernameTaken."""
    if uow.users.is_taken(username):
        raise UsernameTaken(f"the username {username} is taken: `racetrack user list` shows all")


@dataclass(frozen=True)
class RightsChange:
    """A change of a user's rights; a field that is None keeps its present value."""

    is_active: bool | None = None
    is_staff: bool | None = None
    is_superuser: bool | None = None


def change_rights(
    uow: UnitOfWork, username: str, change: RightsChange, by: AuthSubject, now: datetime
) -> UserDto:
    """Change the rights of a user; return the user with the new rights."""
    user = uow.users.get(username)
    rights = UserRights(
        is_active=_choose(change.is_active, user.is_active),
        is_staff=_choose(change.is_staff, user.is_staff),
        is_superuser=_choose(change.is_superuser, user.is_superuser),
    )
    before = user.model_dump(include=set(UserRights.model_fields))
    difference = describe_change(before, rights.model_dump())
    if not difference:
        return user
    touches_power = set(difference["after"]) != {"is_active"}
    _check_may_manage(uow, user, by, touches_power=touches_power)
    if user.username == by.name:
        raise ValidationError("users don't change their own rights: ask another superuser")
    uow.users.set_rights(username, rights)
    event = AuditEvent(AuditEventType.USER_CHANGED, by.name, owner=username, properties=difference)
    write_event(uow, event, now)
    return uow.users.get(username)


def check_may_set_password(uow: UnitOfWork, user: UserDto, by: AuthSubject) -> None:
    """Refuse callers who set their own password, or that of a user whom they do not manage."""
    if user.username == by.name:
        raise ValidationError("change your own password with the old one")
    _check_may_manage(uow, user, by, touches_power=False)


def check_superuser(uow: UnitOfWork, by: AuthSubject) -> None:
    """Refuse callers who are not superusers."""
    if not (by.is_unlimited or uow.users.get(by.name).is_superuser):
        raise NotPermitted(f"{by.description} is no superuser")


@dataclass(frozen=True)
class FirstAdminSettings:
    """The settings for the first admin's account."""

    development_mode: bool
    password: SecretStr | None


def create_first_admin(uow: UnitOfWork, settings: FirstAdminSettings, tokens: Tokens) -> str | None:
    """Add the user admin to an installation without users; return its password if one was generated."""
    # Two replicas may start at the same time.
    uow.users.lock_first()
    if not uow.users.is_empty():
        return None
    password, generated = _choose_password(settings)
    user = uow.users.add_admin(
        ADMIN, hash_password(password), "admin@example.com", tokens.clock.now()
    )
    subject = uow.auth_subjects.get_or_add_of_user(user.id)
    if settings.development_mode:
        tokens.store(uow, subject, admin_token(tokens.auth_key.get_secret_value()))
    else:
        tokens.create(uow, subject)
    uow.permissions.grant(subject.id, AuthScope.FULL_ACCESS)
    return generated


def _check_may_manage(
    uow: UnitOfWork, user: UserDto, by: AuthSubject, *, touches_power: bool
) -> None:
    """Refuse staff who are not superusers if they change staff, or make other users staff."""
    if touches_power or user.is_staff or user.is_superuser:
        check_superuser(uow, by)


def _choose(wanted: bool | None, present: bool) -> bool:
    return present if wanted is None else wanted


def _choose_password(settings: FirstAdminSettings) -> tuple[str, str | None]:
    if settings.password is not None:
        return settings.password.get_secret_value(), None
    if settings.development_mode:
        return DEVELOPMENT_PASSWORD, None
    generated = secrets.token_urlsafe(18)
    return generated, generated
