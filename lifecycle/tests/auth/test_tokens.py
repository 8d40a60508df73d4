from datetime import timedelta

import pytest
from lifecycle.audit import describe_event
from lifecycle.auth.authenticate import AuthSubject
from lifecycle.auth.holders import add_esc, get_esc_holder, remove_esc
from lifecycle.auth.tokens import Tokens
from lifecycle.database.tables.auth import AuthTokenRow
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.audit import AuditFilter
from lifecycle.domain.auth import AuthSubjectDto
from lifecycle.domain.secrets import SecretBox
from pydantic import SecretStr
from racetrack_client.log.errors import EntityNotFound, ValidationError
from racetrack_commons.auth.token import AuthSubjectType
from sqlalchemy import select

KEY = SecretStr("a key for tests, long enough for HS256")
BY = AuthSubject(AuthSubjectType.USER, "admin")


@pytest.fixture
def tokens(clock) -> Tokens:
    return Tokens(KEY, SecretBox(SecretStr("a key of stored secrets")), clock)


@pytest.fixture
def shop(uow: UnitOfWork, tokens: Tokens) -> AuthSubjectDto:
    return get_esc_holder(uow, add_esc(uow, "shop", "esc-1", tokens, BY).id)


def events(uow: UnitOfWork) -> list[tuple[str, str | None]]:
    uow.session.flush()
    return [
        (describe_event(event), event.username_subject)
        for event in uow.audit.list_newest(AuditFilter())
    ]


def test_an_esc_comes_with_a_token_and_leaves_without_a_trace_but_the_audit(
    uow: UnitOfWork, tokens: Tokens, shop: AuthSubjectDto, clock
):
    [token] = uow.auth_tokens.list_of_subject(shop.id)
    text = tokens.find_text(token)
    assert (token.active, token.create_time) == (True, clock.now())
    clock.advance(1)

    remove_esc(uow, "esc-1", BY, clock.now())

    assert uow.auth_tokens.find(text) is None
    assert uow.escs.list_all() == []
    assert events(uow) == [
        ("admin removed ESC shop", "esc-1"),
        ("admin added ESC shop", "esc-1"),
    ]


def test_issued_and_revoked_tokens_are_audited_without_their_text(uow, tokens, shop, clock):
    clock.advance(1)
    token = tokens.issue(uow, shop, BY, clock.now() + timedelta(days=1))
    clock.advance(1)
    tokens.revoke(uow, shop, token.row.id, BY)

    assert uow.auth_tokens.find(token.text) is None
    uow.session.flush()
    written = uow.audit.list_newest(AuditFilter())
    assert [describe_event(event) for event in written[:2]] == [
        "admin took a token from ESC shop",
        "admin gave ESC shop a token",
    ]
    assert written[1].properties["id"] == token.row.id
    assert token.text not in str(written)


def test_a_token_of_somebody_else_is_not_found(uow: UnitOfWork, tokens: Tokens, shop):
    other = get_esc_holder(uow, add_esc(uow, "other", None, tokens, BY).id)
    [token] = uow.auth_tokens.list_of_subject(other.id)
    with pytest.raises(EntityNotFound):
        tokens.revoke(uow, shop, token.id, BY)


def test_a_token_that_would_have_expired_is_refused(uow: UnitOfWork, tokens, shop, clock):
    with pytest.raises(ValidationError, match="expired before"):
        tokens.issue(uow, shop, BY, clock.now())


def test_regenerating_replaces_the_text_and_nothing_else(uow: UnitOfWork, tokens, shop, clock):
    expiring = tokens.issue(uow, shop, BY, clock.now() + timedelta(days=1))
    old = {tokens.find_text(token) for token in uow.auth_tokens.list_of_subject(shop.id)}

    valid = tokens.regenerate(uow, shop, BY)

    new = uow.auth_tokens.list_of_subject(shop.id)
    assert valid in {tokens.find_text(token) for token in new}
    assert old.isdisjoint({tokens.find_text(token) for token in new})
    row = expiring.row
    assert [token.expiry_time for token in new if token.id == row.id] == [row.expiry_time]


def test_regenerating_gives_a_valid_token_to_who_had_none(uow: UnitOfWork, tokens, shop, clock):
    for token in uow.auth_tokens.list_of_subject(shop.id):
        tokens.revoke(uow, shop, token.id, BY)
    assert uow.auth_tokens.find(tokens.regenerate(uow, shop, BY)).is_valid(clock.now())


def test_regenerating_a_kind_is_one_event(uow: UnitOfWork, tokens: Tokens, shop, clock):
    add_esc(uow, "other", None, tokens, BY)
    clock.advance(1)
    tokens.regenerate_all(uow, AuthSubjectType.ESC, BY)
    assert events(uow)[0] == ("admin replaced the tokens of every esc", None)


def test_the_database_keeps_no_text_of_a_token(uow: UnitOfWork, tokens: Tokens, shop):
    text = tokens.ensure_valid(uow, shop)
    uow.session.flush()

    (row,) = uow.session.execute(select(AuthTokenRow.__table__)).all()

    assert text not in str(row)
    assert text[-6:] == row.token_end
    assert tokens.ensure_valid(uow, shop) == text


def test_a_token_that_a_user_made_is_shown_once(uow: UnitOfWork, tokens: Tokens, clock):
    user = uow.users.add("anna", "hash", clock.now())
    anna = uow.auth_subjects.get_or_add_of_user(user.id)

    made = tokens.issue(uow, anna, BY)

    assert uow.auth_tokens.find(made.text).id == made.row.id
    assert tokens.find_text(made.row) is None
    assert tokens.ensure_valid(uow, anna) != made.text


def test_a_token_of_another_secret_key_is_replaced_where_it_must_be_shown(
    uow: UnitOfWork, tokens: Tokens, shop, clock
):
    before = tokens.ensure_valid(uow, shop)
    others = Tokens(KEY, SecretBox(SecretStr("a new key")), clock)

    after = others.ensure_valid(uow, shop)

    assert after != before
    assert uow.auth_tokens.find(before) is not None
