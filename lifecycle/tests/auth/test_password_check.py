import base64
import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from lifecycle.auth.password_check import (
    LoginCredentials,
    TooManyAttempts,
)
from lifecycle.auth.users import Users
from racetrack_client.log.errors import UnauthorizedError

ANNA, PASSWORD = "anna@example.com", "correct horse"


def as_anna(password: str = PASSWORD, address: str = "192.0.2.1") -> LoginCredentials:
    return LoginCredentials(ANNA, password, address)


@pytest.mark.parametrize(("name", "password"), [(ANNA, "wrong"), ("nobody", PASSWORD)])
def test_wrong_credentials_are_refused_alike(users: Users, anna: str, name, password):
    with pytest.raises(UnauthorizedError, match="wrong username or password"):
        users.log_in(LoginCredentials(name, password, "192.0.2.1"))


def test_logging_in_hashes_an_older_password_again(users: Users, anna: str, unit_of_work):
    digest = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), b"salt", 1000)
    older = f"pbkdf2_sha256$1000$salt${base64.b64encode(digest).decode()}"
    with unit_of_work() as uow:
        uow.users.set_password(anna, older)
    users.log_in(as_anna())
    with unit_of_work.reading() as uow:
        assert uow.users.get(anna).password.startswith("$argon2id$")
    users.log_in(as_anna())


def test_guessing_one_user_from_one_address_ends_soon(users: Users, anna: str, clock):
    for _ in range(3):
        with pytest.raises(UnauthorizedError):
            users.log_in(as_anna("wrong"))
    for password in ("wrong", PASSWORD):
        with pytest.raises(TooManyAttempts, match="15 minutes"):
            users.log_in(as_anna(password))
    assert users.log_in(as_anna(address="192.0.2.2")).user.username == anna


def test_a_limited_address_may_try_again_when_it_is_told(users: Users, anna: str, clock):
    for _ in range(3):
        with pytest.raises(UnauthorizedError):
            users.log_in(as_anna("wrong"))
    with pytest.raises(TooManyAttempts) as refusal:
        users.log_in(as_anna())
    clock.advance(refusal.value.retry_after_seconds)
    assert users.log_in(as_anna()).user.username == anna


def test_a_right_password_forgets_the_wrong_ones(users: Users, anna: str):
    for _ in range(2):
        for _ in range(2):
            with pytest.raises(UnauthorizedError):
                users.log_in(as_anna("wrong"))
        users.log_in(as_anna())


def test_guessing_many_users_from_one_address_ends_too(users: Users, anna: str):
    for number in range(5):
        with pytest.raises(UnauthorizedError):
            users.log_in(LoginCredentials(f"user-{number}", PASSWORD, "192.0.2.1"))
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
