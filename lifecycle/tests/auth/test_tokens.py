from datetime import timedelta

import pytest
from lifecycle.audit import describe_event
from lifecycle.auth.authenticate import AuthSubject
from lifecycle.auth.holders import add_esc, get_esc_holder, remove_esc
from lifecycle.auth.tokens import Tokens
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.audit import AuditFilter
from lifecycle.domain.auth import AuthSubjectDto
from pydantic import SecretStr
from racetrack_client.log.errors import EntityNotFound, ValidationError
from racetrack_commons.auth.token import AuthSubjectType

BY = AuthSubject(AuthSubjectType.USER, "admin")


@pytest.fixture
def tokens(clock) -> Tokens:
    return Tokens(SecretStr("a key for tests, long enough for HS256"), clock)


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
    assert (token.active, token.create_time) == (True, clock.now())
    clock.advance(1)

    remove_esc(uow, "esc-1", BY, clock.now())

    assert uow.auth_tokens.find(token.token) is None
    assert uow.escs.list_all() == []
    assert events(uow) == [
        ("admin removed ESC shop", "esc-1"),
        ("admin added ESC shop", "esc-1"),
    ]


def test_issued_and_revoked_tokens_are_audited_without_their_text(uow, tokens, shop, clock):
    clock.advance(1)
    token = tokens.issue(uow, shop, BY, clock.now() + timedelta(days=1))
    clock.advance(1)
    tokens.revoke(uow, shop, token.id, BY)

    assert uow.auth_tokens.find(token.token) is None
    uow.session.flush()
    written = uow.audit.list_newest(AuditFilter())
    assert [describe_event(event) for event in written[:2]] == [
        "admin took a token from ESC shop",
        "admin gave ESC shop a token",
    ]
    assert written[1].properties["id"] == token.id
    assert token.token not in str(written)


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
    old = {token.token for token in uow.auth_tokens.list_of_subject(shop.id)}

    valid = tokens.regenerate(uow, shop, BY)

    new = uow.auth_tokens.list_of_subject(shop.id)
    assert valid in {token.token for token in new}
    assert old.isdisjoint({token.token for token in new})
    assert [t.expiry_time for t in new if t.id == expiring.id] == [expiring.expiry_time]


def test_regenerating_gives_a_valid_token_to_who_had_none(uow: UnitOfWork, tokens, shop, clock):
    for token in uow.auth_tokens.list_of_subject(shop.id):
        tokens.revoke(uow, shop, token.id, BY)
    assert uow.auth_tokens.find(tokens.regenerate(uow, shop, BY)).is_valid(clock.now())


def test_regenerating_a_kind_is_one_event(uow: UnitOfWork, tokens: Tokens, shop, clock):
    add_esc(uow, "other", None, tokens, BY)
    clock.advance(1)
    tokens.regenerate_all(uow, AuthSubjectType.ESC, BY)
    assert events(uow)[0] == ("admin replaced the tokens of every esc", None)
