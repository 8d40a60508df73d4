import base64
import hashlib

import pytest
from lifecycle.auth.first_admin import FirstAdminSettings, create_first_admin
from lifecycle.auth.passwords import Passwords
from lifecycle.auth.tokens import Tokens
from lifecycle.auth.users import Users
from lifecycle.database.unit_of_work import UnitOfWork
from pydantic import SecretStr
from racetrack_client.log.errors import AlreadyExists, UnauthorizedError, ValidationError
from racetrack_commons.auth.scope import AuthScope
from racetrack_commons.auth.token import admin_token

KEY = SecretStr("a key for tests, long enough for HS256")
ANNA, PASSWORD = "anna@example.com", "correct horse"


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords()


@pytest.fixture
def users(passwords: Passwords, clock) -> Users:
    return Users(passwords, Tokens(KEY, clock), clock)


@pytest.fixture
def anna(uow: UnitOfWork, users: Users) -> str:
    users.register(uow, ANNA, PASSWORD)
    uow.users.set_active(ANNA, active=True)
    return ANNA


def test_a_registered_user_has_to_be_activated(uow: UnitOfWork, users: Users):
    users.register(uow, ANNA, PASSWORD)
    with pytest.raises(UnauthorizedError):
        users.log_in(uow, ANNA, PASSWORD)
    uow.users.set_active(ANNA, active=True)
    assert users.log_in(uow, ANNA, PASSWORD).username == ANNA


def test_a_registered_user_may_do_the_usual(uow: UnitOfWork, users: Users, anna: str):
    subject = uow.auth_subjects.find_of_user(uow.users.find(anna).id)
    scopes = {permission.scope for permission in uow.permissions.list_of_subject(subject.id)}
    assert scopes == {"read_job", "call_job", "deploy_new_family", "deploy_job"}


def test_a_taken_name_is_refused(uow: UnitOfWork, users: Users, anna: str):
    with pytest.raises(AlreadyExists):
        users.register(uow, anna, PASSWORD)


def test_a_name_that_is_no_address_is_refused(uow: UnitOfWork, users: Users):
    with pytest.raises(ValidationError, match="e-mail"):
        users.register(uow, "anna", PASSWORD)


@pytest.mark.parametrize(("name", "password"), [(ANNA, "wrong"), ("nobody", PASSWORD)])
def test_wrong_credentials_are_refused_alike(
    uow: UnitOfWork, users: Users, anna: str, name, password
):
    with pytest.raises(UnauthorizedError, match="wrong username or password"):
        users.log_in(uow, name, password)


def test_logging_in_hands_out_a_valid_token(uow: UnitOfWork, users: Users, anna: str, clock):
    subject = uow.auth_subjects.find_of_user(uow.users.find(anna).id)
    for token in uow.auth_tokens.list_of_subject(subject.id):
        uow.auth_tokens.remove(subject.id, token.id)
    expired = users.tokens.create(uow, subject, expiry_time=clock.now())
    profile = users.log_in(uow, anna, PASSWORD)
    assert profile.token != expired.token
    assert uow.auth_tokens.find(profile.token).is_valid(clock.now())


def test_logging_in_hashes_an_older_password_again(uow: UnitOfWork, users: Users, anna: str):
    digest = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), b"salt", 1000)
    older = f"pbkdf2_sha256$1000$salt${base64.b64encode(digest).decode()}"
    uow.users.set_password(anna, older)
    users.log_in(uow, anna, PASSWORD)
    assert uow.users.find(anna).password.startswith("$argon2id$")
    users.log_in(uow, anna, PASSWORD)


def test_who_knows_the_old_password_can_change_it(uow: UnitOfWork, users: Users, anna: str):
    with pytest.raises(UnauthorizedError):
        users.change_password(uow, anna, "wrong", "battery staple")
    users.change_password(uow, anna, PASSWORD, "battery staple")
    assert users.log_in(uow, anna, "battery staple").username == anna


def test_regenerated_tokens_replace_all_others(uow: UnitOfWork, users: Users, anna: str):
    subject = uow.auth_subjects.find_of_user(uow.users.find(anna).id)
    old = users.tokens.ensure(uow, subject)
    users.tokens.regenerate(uow, subject)
    assert uow.auth_tokens.find(old) is None
    assert uow.auth_tokens.find(users.tokens.ensure(uow, subject)) is not None


def test_the_first_admin_of_a_development_machine_is_known(uow, users, passwords, clock):
    settings = FirstAdminSettings(KEY, development_mode=True, password=None)
    assert create_first_admin(uow, settings, passwords, clock) is None
    profile = users.log_in(uow, "admin", "admin")
    assert (profile.token, profile.is_staff) == (admin_token(KEY.get_secret_value()), True)


def test_elsewhere_the_first_admin_gets_a_password_of_its_own(uow, users, passwords, clock):
    settings = FirstAdminSettings(KEY, development_mode=False, password=None)
    generated = create_first_admin(uow, settings, passwords, clock)
    with pytest.raises(UnauthorizedError):
        users.log_in(uow, "admin", "admin")
    assert users.log_in(uow, "admin", generated).token != admin_token(KEY.get_secret_value())


def test_the_password_of_the_first_admin_can_be_set(uow, users, passwords, clock):
    settings = FirstAdminSettings(KEY, development_mode=False, password=SecretStr(PASSWORD))
    assert create_first_admin(uow, settings, passwords, clock) is None
    users.log_in(uow, "admin", PASSWORD)


def test_where_somebody_is_no_admin_is_added(uow: UnitOfWork, users, passwords, clock, anna):
    settings = FirstAdminSettings(KEY, development_mode=True, password=None)
    assert create_first_admin(uow, settings, passwords, clock) is None
    assert uow.users.find("admin") is None


def test_the_first_admin_may_do_everything(uow, users, passwords, clock):
    settings = FirstAdminSettings(KEY, development_mode=True, password=None)
    create_first_admin(uow, settings, passwords, clock)
    subject = uow.auth_subjects.find_of_user(uow.users.find("admin").id)
    permissions = uow.permissions.list_of_subject(subject.id)
    assert [permission.scope for permission in permissions] == [AuthScope.FULL_ACCESS]
