import base64
import json
from datetime import timedelta

import pytest
from lifecycle.auth.authenticate import Authenticator, InvalidToken
from lifecycle.auth.tokens import Tokens
from lifecycle.database.tables.auth import AuthTokenRow, UserRow
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.auth import TokenText
from lifecycle.domain.secrets import SecretBox
from pydantic import SecretStr
from racetrack_commons.auth.token import AuthSubjectType, internal_token

KEY = SecretStr("a key for tests, long enough for HS256")
BOX = SecretBox(SecretStr("a key of stored secrets"))


@pytest.fixture
def authenticator(unit_of_work: UnitOfWorkFactory, clock) -> Authenticator:
    return Authenticator(KEY, clock, unit_of_work.reading, unit_of_work)


@pytest.fixture
def token(unit_of_work: UnitOfWorkFactory, clock) -> str:
    """The token of an active user."""
    with unit_of_work() as uow:
        user = uow.users.add("anna@example.com", "hash", clock.now())
        uow.users.set_active("anna@example.com", active=True)
        return (
            Tokens(KEY, BOX, clock).create(uow, uow.auth_subjects.get_or_add_of_user(user.id)).text
        )


def test_a_stored_token_says_who_calls(authenticator: Authenticator, token: str):
    subject = authenticator.authenticate(token)
    assert (subject.subject_type, subject.name) == (AuthSubjectType.USER, "anna@example.com")
    assert subject.caller == "User anna@example.com"


def test_the_token_of_a_service_needs_no_row(authenticator: Authenticator):
    subject = authenticator.authenticate(internal_token("pub", KEY.get_secret_value()))
    assert subject.is_internal
    assert subject.caller is None


@pytest.mark.parametrize("text", [None, "", "invalid", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_what_is_no_token_is_refused(authenticator: Authenticator, text):
    with pytest.raises(InvalidToken):
        authenticator.authenticate(text)


def test_a_token_signed_with_another_key_is_refused(authenticator: Authenticator):
    token = internal_token("pub", "another key, long enough for HS256 too")
    with pytest.raises(InvalidToken) as refusal:
        authenticator.authenticate(token)
    assert token not in str(refusal.value)


def test_a_signed_token_that_is_not_stored_is_refused(
    authenticator: Authenticator, token: str, unit_of_work: UnitOfWorkFactory
):
    with unit_of_work() as uow:
        uow.session.query(AuthTokenRow).delete()
    with pytest.raises(InvalidToken, match="not known"):
        authenticator.authenticate(token)


def test_a_revoked_token_is_refused(authenticator, token, unit_of_work: UnitOfWorkFactory):
    with unit_of_work() as uow:
        uow.session.query(AuthTokenRow).update({"active": False})
    with pytest.raises(InvalidToken, match="revoked"):
        authenticator.authenticate(token)


def test_a_token_is_refused_from_its_expiry_on(
    authenticator, token, unit_of_work: UnitOfWorkFactory, clock
):
    with unit_of_work() as uow:
        uow.session.query(AuthTokenRow).update({"expiry_time": clock.now() + timedelta(seconds=60)})
    authenticator.authenticate(token)
    clock.advance(60)
    with pytest.raises(InvalidToken, match="expired"):
        authenticator.authenticate(token)


def test_a_user_who_was_switched_off_is_out(authenticator, token, unit_of_work: UnitOfWorkFactory):
    with unit_of_work() as uow:
        uow.users.set_active("anna@example.com", active=False)
    with pytest.raises(InvalidToken, match="not active"):
        authenticator.authenticate(token)


def test_a_renamed_user_is_known_by_the_new_name(
    authenticator, token, unit_of_work: UnitOfWorkFactory, clock
):
    with unit_of_work() as uow:
        uow.session.query(UserRow).update({"username": "anna@example.org"})
        uow.users.add("anna@example.com", "hash", clock.now())
    assert authenticator.authenticate(token).name == "anna@example.org"


def test_the_use_of_a_token_is_noted_once_a_minute(
    authenticator, token, unit_of_work: UnitOfWorkFactory, clock
):
    for seconds in (0, 59, 60):
        clock.advance(seconds)
        authenticator.authenticate(token)
        if seconds == 0:
            first = clock.now()
        with unit_of_work.reading() as uow:
            used = uow.auth_tokens.find(token).last_use_time
        assert used == (clock.now() if seconds == 60 else first)


def test_tokens_of_the_first_generation_count_when_they_are_stored(
    authenticator, unit_of_work: UnitOfWorkFactory
):
    claims = {"esc-id": "esc-1", "api-key": "secret"}
    text = base64.b64encode(json.dumps(claims).encode()).decode()
    with pytest.raises(InvalidToken):
        authenticator.authenticate(text)
    with unit_of_work() as uow:
        subject = uow.auth_subjects.get_or_add_of_esc(uow.escs.add("caller", "esc-1").id)
        uow.auth_tokens.add(subject.id, TokenText(text=text))
    assert authenticator.authenticate(text).caller == "ESC caller"


def test_without_demanded_tokens_a_wrong_one_is_anonymous(
    unit_of_work: UnitOfWorkFactory, clock, token: str
):
    authenticator = Authenticator(
        KEY, clock, unit_of_work.reading, unit_of_work, auth_required=False
    )
    assert authenticator.authenticate("garbage").is_anonymous
    assert authenticator.authenticate(None).is_anonymous
    known = authenticator.authenticate(token)
    assert (known.name, known.is_anonymous) == ("anna@example.com", False)
    assert (
        known.is_unlimited
    )  # callers without a token may do everything, so those with one may too
