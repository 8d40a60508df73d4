"""The first user of a fresh installation."""

import secrets
from dataclasses import dataclass

from pydantic import SecretStr
from racetrack_commons.auth.scope import AuthScope
from racetrack_commons.auth.token import admin_token
from racetrack_commons.clock import Clock

from lifecycle.auth.passwords import Passwords
from lifecycle.auth.tokens import Tokens
from lifecycle.database.unit_of_work import UnitOfWork

ADMIN = "admin"
DEVELOPMENT_PASSWORD = "admin"  # noqa: S105 - used in development mode only


@dataclass(frozen=True)
class FirstAdminSettings:
    """How the first admin is to be made."""

    auth_key: SecretStr
    development_mode: bool
    password: SecretStr | None


def create_first_admin(
    uow: UnitOfWork, settings: FirstAdminSettings, passwords: Passwords, clock: Clock
) -> str | None:
    """Add the user admin where there is nobody; return its password if one had to be generated."""
    if not uow.users.is_empty():
        return None
    password, generated = _choose_password(settings)
    user = uow.users.add_admin(ADMIN, passwords.hash(password), "admin@example.com", clock.now())
    subject = uow.auth_subjects.ensure_of_user(user.id)
    if settings.development_mode:
        token = admin_token(settings.auth_key.get_secret_value())
        uow.auth_tokens.add(subject.id, token, create_time=clock.now())
    else:
        Tokens(settings.auth_key, clock).create(uow, subject)
    uow.permissions.grant(subject.id, AuthScope.FULL_ACCESS)
    return generated


def _choose_password(settings: FirstAdminSettings) -> tuple[str, str | None]:
    if settings.password is not None:
        return settings.password.get_secret_value(), None
    if settings.development_mode:
        return DEVELOPMENT_PASSWORD, None
    generated = secrets.token_urlsafe(18)
    return generated, generated
