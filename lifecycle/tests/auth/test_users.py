import base64
import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from lifecycle.audit import AuditEventType
from lifecycle.auth.attempts import AttemptLimits, TooManyAttempts
from lifecycle.auth.first_admin import FirstAdminSettings, create_first_admin
from lifecycle.auth.password_check import FAILURE_SECONDS, Credentials, PasswordCheck
from lifecycle.auth.passwords import Passwords
from lifecycle.auth.tokens import Tokens
from lifecycle.auth.users import Users
from lifecycle.database.repositories.audit import AuditFilter
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from pydantic import SecretStr
from racetrack_client.log.errors import AlreadyExists, UnauthorizedError, ValidationError
from racetrack_commons.auth.scope import AuthScope
from racetrack_commons.auth.token import admin_token

KEY = SecretStr("a key for tests, long enough for HS256")
ANNA, PASSWORD = "anna@example.com", "correct horse"
LIMITS = AttemptLimits(per_account=3, per_address=5, window=timedelta(minutes=15))


def as_anna(password: str = PASSWORD, address: str = "192.0.2.1") -> Credentials:
    return Credentials(ANNA, password, address)


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords()


@pytest.fixture
def users(unit_of_work: UnitOfWorkFactory, passwords: Passwords, clock) -> Users:
    check = PasswordCheck(unit_of_work, passwords, LIMITS, clock)
    return Users(unit_of_work, passwords, check, Tokens(KEY, clock), clock)


@pytest.fixture
def anna(unit_of_work: UnitOfWorkFactory, users: Users) -> str:
    users.register(ANNA, PASSWORD)
    with unit_of_work() as uow:
        uow.users.set_active(ANNA, active=True)
    return ANNA


def list_events(unit_of_work: UnitOfWorkFactory) -> list[tuple[str, str | None, str | None]]:
    with unit_of_work.reading() as uow:
        return [
            (event.event_type, event.username_executor, event.username_subject)
            for event in uow.audit.list_newest(AuditFilter())
        ]


def test_a_registered_user_has_to_be_activated(unit_of_work, users: Users):
    users.register(ANNA, PASSWORD)
    with pytest.raises(UnauthorizedError):
        users.log_in(as_anna())
    with unit_of_work() as uow:
        uow.users.set_active(ANNA, active=True)
    assert users.log_in(as_anna()).username == ANNA


def test_a_registered_user_may_do_the_usual(unit_of_work, users: Users, anna: str):
    with unit_of_work.reading() as uow:
        subject = uow.auth_subjects.find_of_user(uow.users.get(anna).id)
        scopes = {permission.scope for permission in uow.permissions.list_of_subject(subject.id)}
    assert scopes == {"read_job", "call_job", "deploy_new_family", "deploy_job"}
    assert list_events(unit_of_work) == [(AuditEventType.USER_REGISTERED, ANNA, None)]


@pytest.mark.parametrize("name", [ANNA, "Anna@Example.com"])
def test_a_taken_name_is_refused_however_it_is_written(users: Users, anna: str, name: str):
    with pytest.raises(AlreadyExists):
        users.register(name, PASSWORD)


@pytest.mark.parametrize("name", ["anna", "@", "anna @example.com", "user:a@b", "a@" + "b" * 150])
def test_a_name_that_is_no_address_is_refused(users: Users, name: str):
    with pytest.raises(ValidationError, match=r"e-mail|150 characters"):
        users.register(name, PASSWORD)


@pytest.mark.parametrize(("name", "password"), [(ANNA, "wrong"), ("nobody", PASSWORD)])
def test_wrong_credentials_are_refused_alike(users: Users, anna: str, clock, name, password):
    with pytest.raises(UnauthorizedError, match="wrong username or password"):
        users.log_in(Credentials(name, password, "192.0.2.1"))
    assert clock.sleeps == [FAILURE_SECONDS]


def test_logging_in_hands_out_the_newest_valid_token(users: Users, anna: str, clock, unit_of_work):
    with unit_of_work() as uow:
        subject = uow.auth_subjects.find_of_user(uow.users.get(anna).id)
        clock.advance(1)
        newest = users.tokens.create(uow, subject)
        clock.advance(1)
        users.tokens.create(uow, subject, expiry_time=clock.now())
    assert users.log_in(as_anna()).token == newest.token
    assert list_events(unit_of_work)[0] == (AuditEventType.USER_LOGGED_IN, ANNA, None)
    with unit_of_work.reading() as uow:
        assert uow.users.get(anna).last_login == clock.now()


def test_logging_in_without_a_valid_token_makes_one(users: Users, anna: str, unit_of_work, clock):
    with unit_of_work() as uow:
        subject = uow.auth_subjects.find_of_user(uow.users.get(anna).id)
        for token in uow.auth_tokens.list_of_subject(subject.id):
            uow.auth_tokens.remove(subject.id, token.id)
    profile = users.log_in(as_anna())
    with unit_of_work.reading() as uow:
        assert uow.auth_tokens.find(profile.token).is_valid(clock.now())


def test_logging_in_hashes_an_older_password_again(users: Users, anna: str, unit_of_work):
    digest = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), b"salt", 1000)
    older = f"pbkdf2_sha256$1000$salt${base64.b64encode(digest).decode()}"
    with unit_of_work() as uow:
        uow.users.set_password(anna, older)
    users.log_in(as_anna())
    with unit_of_work.reading() as uow:
        assert uow.users.get(anna).password.startswith("$argon2id$")
    users.log_in(as_anna())


def test_who_knows_the_old_password_can_change_it(users: Users, anna: str, unit_of_work):
    with pytest.raises(UnauthorizedError):
        users.change_password(as_anna("wrong"), "battery staple")
    with pytest.raises(ValidationError, match="username"):
        users.change_password(as_anna(), "anna's battery")
    users.change_password(as_anna(), "battery staple")
    assert list_events(unit_of_work)[0] == (AuditEventType.PASSWORD_CHANGED, ANNA, ANNA)
    assert users.log_in(as_anna("battery staple")).username == anna


def test_guessing_one_user_from_one_address_ends_soon(users: Users, anna: str, clock):
    for _ in range(3):
        with pytest.raises(UnauthorizedError):
            users.log_in(as_anna("wrong"))
    for password in ("wrong", PASSWORD):
        with pytest.raises(TooManyAttempts, match="15 minutes"):
            users.log_in(as_anna(password))
    assert users.log_in(as_anna(address="192.0.2.2")).username == anna


def test_a_limited_address_may_try_again_when_it_is_told(users: Users, anna: str, clock):
    for _ in range(3):
        with pytest.raises(UnauthorizedError):
            users.log_in(as_anna("wrong"))
    with pytest.raises(TooManyAttempts) as refusal:
        users.log_in(as_anna())
    clock.advance(refusal.value.retry_after_seconds)
    assert users.log_in(as_anna()).username == anna


def test_a_right_password_forgets_the_wrong_ones(users: Users, anna: str):
    for _ in range(2):
        for _ in range(2):
            with pytest.raises(UnauthorizedError):
                users.log_in(as_anna("wrong"))
        users.log_in(as_anna())


def test_guessing_many_users_from_one_address_ends_too(users: Users, anna: str):
    for number in range(5):
        with pytest.raises(UnauthorizedError):
            users.log_in(Credentials(f"user-{number}", PASSWORD, "192.0.2.1"))
    with pytest.raises(TooManyAttempts):
        users.log_in(as_anna())


def test_the_old_password_can_not_be_guessed_more_often_than_at_log_in(users: Users, anna: str):
    for _ in range(3):
        with pytest.raises(UnauthorizedError):
            users.change_password(as_anna("wrong"), "battery staple")
    with pytest.raises(TooManyAttempts):
        users.change_password(as_anna(), "battery staple")


def test_many_guesses_at_once_count_as_many(users: Users, anna: str):
    barrier = threading.Barrier(8)

    def guess(_: int) -> type[Exception]:
        barrier.wait(10)
        try:
            users.log_in(as_anna("wrong"))
        except (UnauthorizedError, TooManyAttempts) as error:
            return type(error)
        raise AssertionError("the guess was right")

    with ThreadPoolExecutor(8) as pool:
        refusals = list(pool.map(guess, range(8)))
    assert refusals.count(TooManyAttempts) == 5


def create_admin(unit_of_work, passwords, clock, password=None, *, development=False):
    settings = FirstAdminSettings(KEY, development_mode=development, password=password)
    with unit_of_work() as uow:
        return create_first_admin(uow, settings, passwords, clock)


def as_admin(password: str) -> Credentials:
    return Credentials("admin", password, "192.0.2.1")


def test_the_first_admin_of_a_development_machine_is_known(users, unit_of_work, passwords, clock):
    assert create_admin(unit_of_work, passwords, clock, development=True) is None
    profile = users.log_in(as_admin("admin"))
    assert (profile.token, profile.is_staff) == (admin_token(KEY.get_secret_value()), True)


def test_elsewhere_the_first_admin_gets_a_password_of_its_own(
    users, unit_of_work, passwords, clock
):
    generated = create_admin(unit_of_work, passwords, clock)
    with pytest.raises(UnauthorizedError):
        users.log_in(as_admin("admin"))
    assert users.log_in(as_admin(generated)).token != admin_token(KEY.get_secret_value())


def test_the_password_of_the_first_admin_can_be_set(users, unit_of_work, passwords, clock):
    assert create_admin(unit_of_work, passwords, clock, SecretStr(PASSWORD)) is None
    users.log_in(as_admin(PASSWORD))


def test_where_somebody_is_no_admin_is_added(unit_of_work, passwords, clock, anna):
    assert create_admin(unit_of_work, passwords, clock, development=True) is None
    with unit_of_work.reading() as uow:
        assert uow.users.find("admin") is None


def test_the_first_admin_may_do_everything(unit_of_work, passwords, clock):
    create_admin(unit_of_work, passwords, clock, development=True)
    with unit_of_work.reading() as uow:
        subject = uow.auth_subjects.find_of_user(uow.users.get("admin").id)
        permissions = uow.permissions.list_of_subject(subject.id)
    assert [permission.scope for permission in permissions] == [AuthScope.FULL_ACCESS]
