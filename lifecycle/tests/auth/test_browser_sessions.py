from datetime import timedelta

import jwt
import pytest
from lifecycle.auth.authenticate import Authenticator, InvalidToken
from lifecycle.auth.browser_sessions import BrowserSessions, SessionPurpose
from lifecycle.auth.tokens import Tokens
from lifecycle.database.tables.auth import AuthTokenRow, UserRow
from lifecycle.domain.auth import TokenText
from lifecycle.domain.secrets import SecretBox
from pydantic import SecretStr
from racetrack_commons.entities.dto import ChangeKind

KEY = SecretStr("a key for tests, long enough for HS256")
BOX = SecretBox(SecretStr("a key of stored secrets"))
JOBS, PANEL, DASHBOARD = SessionPurpose.JOBS, SessionPurpose.PANEL, SessionPurpose.DASHBOARD


@pytest.fixture
def tokens(clock) -> Tokens:
    return Tokens(KEY, BOX, clock)


@pytest.fixture
def authenticator(unit_of_work, clock) -> Authenticator:
    return Authenticator(KEY, clock, unit_of_work.reading, unit_of_work)


@pytest.fixture
def sessions(authenticator) -> BrowserSessions:
    return BrowserSessions(authenticator, timedelta(hours=12))


@pytest.fixture
def token(unit_of_work, tokens, clock) -> str:
    """The token of an active user."""
    with unit_of_work() as uow:
        user = uow.users.add("anna@example.com", "hash", clock.now())
        uow.users.set_active("anna@example.com", active=True)
        return tokens.create(uow, uow.auth_subjects.get_or_add_of_user(user.id)).text


@pytest.mark.parametrize("purpose", SessionPurpose)
def test_a_session_is_good_for_its_purpose_only(sessions, authenticator, token, purpose):
    session = sessions.open(token, [purpose])[purpose]

    holders = {each: sessions.find_subject(session, each) for each in SessionPurpose}

    assert [each for each, holder in holders.items() if holder] == [purpose]
    assert holders[purpose].name == "anna@example.com"
    with pytest.raises(InvalidToken):
        authenticator.authenticate(session)


def test_jobs_are_called_by_a_token_or_a_session_for_jobs(sessions, token):
    opened = sessions.open(token, SessionPurpose)
    for shown in (token, opened[JOBS]):
        assert sessions.authenticate(shown, JOBS).caller == "User anna@example.com"
    for shown in (None, "", "garbage", opened[PANEL], opened[DASHBOARD]):
        with pytest.raises(InvalidToken):
            sessions.authenticate(shown, JOBS)


def test_a_session_ends_in_time(sessions, token, clock):
    session = sessions.open(token, [JOBS])[JOBS]
    clock.advance(12 * 3600 - 1)
    # PUB keeps Lifecycle's decision no longer than that.
    assert sessions.find_subject(session, JOBS).expires_at == clock.now() + timedelta(seconds=1)
    clock.advance(1)
    assert sessions.find_subject(session, JOBS) is None


@pytest.mark.parametrize("how", ["deleted", "revoked", "expired", "replaced", "deactivated"])
def test_a_session_ends_with_the_token_it_was_opened_by(
    sessions, tokens, token, unit_of_work, clock, how
):
    session = sessions.open(token, [JOBS])[JOBS]
    clock.advance(1)
    with unit_of_work() as uow:
        row = uow.session.query(AuthTokenRow).one()
        if how == "deleted":
            uow.session.delete(row)
        elif how == "revoked":
            row.active = False
        elif how == "expired":
            row.expiry_time = clock.now()
        elif how == "replaced":
            uow.auth_tokens.replace(row.id, TokenText(text="another text"), clock.now())
        else:
            uow.session.query(UserRow).update({"is_active": False})

    assert sessions.find_subject(session, JOBS) is None


def test_no_session_is_opened_by_an_invalid_token(sessions, token, unit_of_work):
    with unit_of_work() as uow:
        uow.session.query(AuthTokenRow).update({"active": False})
    for text in (token, "garbage"):
        with pytest.raises(InvalidToken):
            sessions.open(text, [JOBS])


def test_a_session_can_not_be_forged_with_the_key_of_tokens(sessions, token):
    claims = jwt.decode(sessions.open(token, [JOBS])[JOBS], options={"verify_signature": False})
    forged = jwt.encode(claims, KEY.get_secret_value(), algorithm="HS256")
    assert sessions.find_subject(forged, JOBS) is None
    assert token not in str(claims)


def test_the_sessions_of_a_log_in_end_together_and_pub_is_told(sessions, token, unit_of_work):
    first, second = (sessions.open(token, SessionPurpose) for _ in range(2))
    with unit_of_work.reading() as uow:
        newest = uow.changes.get_newest_id()

    sessions.end([first[JOBS], "garbage", ""])

    assert not any(sessions.find_subject(text, purpose) for purpose, text in first.items())
    assert all(sessions.find_subject(text, purpose) for purpose, text in second.items())
    with unit_of_work.reading() as uow:
        assert [change.kind for change in uow.changes.list_after(newest)] == [ChangeKind.AUTH]
        newest = uow.changes.get_newest_id()
    sessions.end([first[JOBS]])
    with unit_of_work.reading() as uow:
        assert uow.changes.list_after(newest) == []


def test_a_session_outlives_the_token_that_it_has_replaced(
    sessions, tokens, token, unit_of_work, clock
):
    kept, other = (sessions.open(token, [DASHBOARD, JOBS]) for _ in range(2))
    clock.advance(1)
    by = sessions.authenticate(kept[DASHBOARD], DASHBOARD)
    with unit_of_work() as uow:
        new = tokens.regenerate(uow, uow.auth_subjects.get(by.id), by)
        sessions.keep(uow, by)

    assert all(sessions.find_subject(text, purpose) for purpose, text in kept.items())
    assert not any(sessions.find_subject(text, purpose) for purpose, text in other.items())
    with pytest.raises(InvalidToken):
        sessions.authenticate(token, DASHBOARD)
    assert sessions.authenticate(new, DASHBOARD).session_id is None
