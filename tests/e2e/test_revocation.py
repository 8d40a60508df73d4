"""What is taken away stops counting at the gateway at once, although the gateway remembers answers for a minute."""

import time

import pytest

PERFORM = "adder/latest/api/v1/perform"
PAYLOAD = {"numbers": [40, 2]}
AT_ONCE_SECONDS = 1


@pytest.fixture(scope="module")
def adder(stack):
    stack.racetrack("deploy", "sample/python-class", "--force")


@pytest.fixture
def shop(stack, adder):
    """An ESC that may call the adder."""
    esc = stack.api("POST", "escs", {"name": "shop"}).json()["id"]
    stack.api(
        "POST", "auth/permissions", {"subject": esc, "scope": "call_job", "job_name": "adder"}
    )
    yield esc
    stack.api("DELETE", f"escs/{esc}")


@pytest.fixture
def token(stack, shop) -> str:
    """Its token; the gateway has answered it before."""
    token = stack.api("GET", f"auth/token/esc/{shop}").json()["token"]
    assert stack.call(PERFORM, PAYLOAD, token=token).json() == 42
    return token


def assert_answered_at_once(stack, token, status):
    deadline = time.monotonic() + AT_ONCE_SECONDS
    while (answered := stack.call(PERFORM, PAYLOAD, token=token).status_code) != status:
        assert time.monotonic() < deadline, f"still {answered}"


def assert_refused_at_once(stack, token):
    assert_answered_at_once(stack, token, 401)


def test_a_permission(stack, shop, token):
    [held] = stack.api("GET", f"auth/permissions?subject={shop}").json()
    stack.api("DELETE", f"auth/permissions/{held['id']}")
    assert_refused_at_once(stack, token)
    stack.api("POST", "auth/permissions", {"subject": shop, "scope": "call_job"})
    assert_answered_at_once(stack, token, 200)


def test_a_token(stack, shop, token):
    [stored] = stack.api("GET", f"escs/{shop}/auth_data").json()["tokens"]
    stack.api("DELETE", f"escs/{shop}/auth_token/{stored['id']}")
    assert_refused_at_once(stack, token)


def test_all_tokens_of_a_kind(stack, token):
    stack.api("POST", "auth/token/esc/regenerate")
    assert_refused_at_once(stack, token)


def test_an_esc(stack, shop, token):
    stack.api("DELETE", f"escs/{shop}")
    assert_refused_at_once(stack, token)


def test_an_active_user(stack, adder):
    user = {"username": "leaver@example.com", "password": "correct horse"}
    stack.api("POST", "users/register", user)
    stack.api("PUT", "users/leaver@example.com", {"is_active": True})
    token = stack.api("POST", "users/login", user).json()["token"]
    assert stack.call(PERFORM, PAYLOAD, token=token).json() == 42
    stack.api("PUT", "users/leaver@example.com", {"is_active": False})
    assert_refused_at_once(stack, token)


def test_a_public_endpoint_that_the_records_manager_opens_and_closes(stack, adder):
    job = stack.api("GET", "job/adder/latest").json()["id"]
    fields = {"job_id": job, "endpoint": "/api/v1/perform", "active": True}
    table = "records/table/registry_publicendpointrequest"
    assert stack.call(PERFORM, PAYLOAD, token=None).status_code == 401
    opened = stack.api("POST", table, {"fields": fields}).json()["fields"]["id"]
    assert_answered_at_once(stack, None, 200)
    stack.api("PUT", f"{table}/id/{opened}", {"fields": {"active": False}})
    assert_refused_at_once(stack, None)
