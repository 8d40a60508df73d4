from datetime import timedelta

import pytest
from lifecycle.auth.password_check import (
    AttemptLimits,
    PasswordCheck,
)
from lifecycle.auth.passwords.hash_process import Passwords
from lifecycle.auth.tokens import Tokens
from lifecycle.auth.users import Users
from lifecycle.config import Config
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.secrets import SecretBox
from pydantic import SecretStr

ANNA, PASSWORD = "anna@example.com", "correct horse"
KEY = SecretStr("a key for tests, long enough for HS256")
SCOPES = Config().registered_user_scopes
BOX = SecretBox(SecretStr("a key of stored secrets"))


LIMITS = AttemptLimits(per_account=3, per_address=5, window=timedelta(minutes=15))


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords()


@pytest.fixture
def users(unit_of_work: UnitOfWorkFactory, passwords: Passwords, clock) -> Users:
    check = PasswordCheck(unit_of_work, passwords, LIMITS, clock)
    return Users(unit_of_work, passwords, check, Tokens(KEY, BOX, clock), clock, SCOPES)


@pytest.fixture
def anna(unit_of_work: UnitOfWorkFactory, users: Users) -> str:
    users.register(ANNA, PASSWORD)
    with unit_of_work() as uow:
        uow.users.set_active(ANNA, active=True)
    return ANNA
