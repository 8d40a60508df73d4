"""The callers of async calls: idempotency keys, cancelling, and lists of one's own calls."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
import pytest
from lifecycle.app import create_app
from lifecycle.config import Config
from racetrack_client.entities import AuthScope
from racetrack_commons.testing.builders import an_async_call
from racetrack_commons.testing.serving import running_server
from sqlalchemy import text
from starlette.testclient import TestClient

API = "/lifecycle/api/v1/job/async"
ENDED = {"status": "completed", "response_status_code": 200, "response_body": "42"}


@pytest.fixture
def make_token(app_uow, client):
    """Make a token of a new ESC, with a permission on everything if one is given."""

    def make(name: str, scope: AuthScope | None = None) -> str:
        with app_uow() as uow:
            subject = uow.auth_subjects.get_or_add_of_esc(uow.escs.add(name, None).id)
            if scope is not None:
                uow.permissions.grant(subject.id, scope)
            return client.app.state.services.tokens.create(uow, subject).text

    return make


@pytest.fixture
def anna(make_token) -> str:
    return make_token("anna")


@pytest.fixture
def send(client, internal):
    """Send a request as a gateway does; return the content of the answer."""

    def send(method, path, body=None, status=200):
        answer = client.request(method, f"{API}/{path}", json=body, headers=internal)
        assert answer.status_code == status, answer.text
        return answer.json()

    return send


def a_start(call_id: str, token: str = "", key: str | None = None, **values):
    start = {
        "call": an_async_call(call_id, **values).model_dump(),
        "token": token,
        "fingerprint": "f",
    }
    return start if key is None else start | {"idempotency_key": key}


def test_a_repeated_start_leads_to_the_first_call(send, anna):
    assert send("POST", "new", a_start("one", anna, "k")) == {"call_id": "one"}
    assert send("POST", "new", a_start("two", anna, "k")) == {"call_id": "one"}

    send("GET", "call/two", status=404)
    assert send("POST", "new", a_start("three", anna, "another")) == {"call_id": "three"}


def test_calls_without_a_key_are_different_calls(send, anna):
    for call_id in ("one", "two"):
        assert send("POST", "new", a_start(call_id, anna)) == {"call_id": call_id}


def test_a_key_is_that_of_one_caller(send, make_token, anna):
    send("POST", "new", a_start("one", anna, "k"))
    assert send("POST", "new", a_start("two", make_token("bob"), "k")) == {"call_id": "two"}


def test_a_key_is_good_for_one_request(send, anna):
    send("POST", "new", a_start("one", anna, "k"))

    refused = send("POST", "new", a_start("two", anna, "k") | {"fingerprint": "g"}, 409)

    assert refused["type"] == "IdempotencyKeyReused"
    assert "use a new key" in refused["error"]


@pytest.mark.parametrize("token", ["", "not.a.token"])
def test_a_key_needs_a_caller(send, token):
    refused = send("POST", "new", a_start("one", token, "k"), 400)
    assert refused["type"] == "KeyWithoutCaller"
    assert send("POST", "new", a_start("one", token)) == {"call_id": "one"}


def test_where_no_token_is_demanded_all_callers_are_one(config, internal):
    with TestClient(create_app(config.model_copy(update={"auth_required": False}))) as client:
        ids = [
            client.post(f"{API}/new", json=a_start(call_id, key="k"), headers=internal).json()
            for call_id in ("one", "two")
        ]
        own = client.post(f"{API}/own", json={}, headers=internal).json()
    assert ids == [{"call_id": "one"}] * 2
    assert [call["id"] for call in own["calls"]] == ["one"]


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_keys_have_a_length(send, anna, key):
    send("POST", "new", a_start("one", anna, key), 422)


def test_a_key_is_forgotten_with_its_call(send, anna):
    send("POST", "new", a_start("one", anna, "k"))
    send("DELETE", "call/one")
    assert send("POST", "new", a_start("two", anna, "k")) == {"call_id": "two"}


def test_a_repeated_start_takes_no_room(config, internal, admin):
    limited = config.model_copy(update={"async_max_calls": 1})
    token = admin["X-Racetrack-Auth"]
    with TestClient(create_app(limited)) as client:
        statuses = [
            client.post(f"{API}/new", json=a_start(call_id, token, key), headers=internal)
            for call_id, key in (("one", "k"), ("two", "k"), ("three", "l"))
        ]
    assert [each.status_code for each in statuses] == [200, 200, 429]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def served(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a Lifecycle on each kind of database."""
    config: Config = request.getfixturevalue(
        "postgres_config" if request.param == "postgres" else "config"
    )
    app = create_app(config)
    with running_server(app) as url:
        yield url


def test_of_two_starts_at_the_same_moment_one_is_stored(served, internal, admin):
    at_once = Barrier(8)

    def start(number: int) -> str:
        body = a_start(f"call-{number}", admin["X-Racetrack-Auth"], "k")
        with httpx.Client(base_url=served, headers=internal, timeout=30) as http:
            http.get("/live")
            at_once.wait(20)
            answer = http.post(f"{API.removeprefix('/lifecycle')}/new", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["call_id"])

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(start, range(8)))

    assert len(ids) == 1
    visitor = {"token": admin["X-Racetrack-Auth"]}
    own = httpx.post(
        f"{served}{API.removeprefix('/lifecycle')}/own", json=visitor, headers=internal
    )
    assert {call["id"] for call in own.json()["calls"]} == ids


def test_a_call_that_waits_is_cancelled(send, anna, app_uow):
    send("POST", "new", a_start("one", anna))

    assert send("PUT", "call/one/cancel", {"token": anna}) == {"status": "failed"}

    assert send("POST", "claim", {"lease": {"holder": "a", "seconds": 9}, "limit": 9}) == []
    shown = send("GET", "call/one")
    assert (shown["status"], shown["error"]) == ("failed", "the call was cancelled by ESC anna")
    assert shown["ended_at"] is not None
    assert (shown["request_headers"], shown["request_body"]) == ({}, "")
    with app_uow.reading() as uow:
        *_, change = uow.changes.list_after(0)
    assert (change.kind, change.subject) == ("async_call", "one")


def test_a_call_that_runs_is_cancelled_and_its_gateway_can_tell_no_end(send, anna):
    send("POST", "new", a_start("one", anna) | {"lease": {"holder": "a", "seconds": 60}})
    send("PUT", "call/one/cancel", {"token": anna})

    send("PUT", "call/one/end", ENDED | {"holder": "a"}, 409)
    send("PUT", "call/one/release", {"holder": "a", "claimable_after_seconds": 0}, 409)
    assert send("POST", "renew", {"holders": {"one": "a"}, "seconds": 9}) == {"call_ids": []}
    assert send("GET", "call/one/status") == {"status": "failed"}


def test_cancelling_may_be_repeated(send, anna, app_uow):
    send("POST", "new", a_start("one", anna))
    for _ in range(2):
        assert send("PUT", "call/one/cancel", {"token": anna}) == {"status": "failed"}
    with app_uow.reading() as uow:
        ends = [each for each in uow.changes.list_after(0) if each.subject == "one"]
    assert len(ends) == 1


def test_a_call_that_has_ended_stays_as_it_is(send, anna):
    send("POST", "new", a_start("one", anna) | {"lease": {"holder": "a", "seconds": 60}})
    send("PUT", "call/one/end", ENDED | {"holder": "a"})

    assert send("PUT", "call/one/cancel", {"token": anna}) == {"status": "completed"}
    assert send("GET", "call/one")["response_body"] == "42"


def test_a_stranger_neither_cancels_nor_reads(send, make_token, anna):
    send("POST", "new", a_start("one", anna))
    bob = make_token("bob", AuthScope.CALL_JOB)
    for method, path in (("PUT", "call/one/cancel"), ("POST", "call/one/visit")):
        send(method, path, {"token": bob}, 404)
        for token in ("", "not.a.token"):
            assert send(method, path, {"token": token}, 401)["type"] == "VisitorUnknown"
    assert send("GET", "call/one/status") == {"status": "ongoing"}


def test_the_starter_and_an_administrator_may_read_and_cancel(send, make_token, anna):
    send("POST", "new", a_start("one", anna))
    for token in (anna, make_token("admin", AuthScope.CALL_ADMIN_API)):
        assert send("POST", "call/one/visit", {"token": token}) is None
        send("PUT", "call/one/cancel", {"token": token})


def test_of_a_call_without_a_known_starter_the_id_is_the_proof(send):
    send("POST", "new", a_start("one"))
    send("POST", "call", an_async_call("of-an-older-gateway").model_dump())

    for call_id in ("one", "of-an-older-gateway"):
        send("POST", f"call/{call_id}/visit", {})
    assert send("PUT", "call/one/cancel", {}) == {"status": "failed"}
    assert send("GET", "call/one")["error"] == "the call was cancelled"


def test_what_is_not_there_is_neither_cancelled_nor_read(send, anna):
    for token in ("", anna):
        send("PUT", "call/gone/cancel", {"token": token}, 404)
        send("POST", "call/gone/visit", {"token": token}, 404)


def test_callers_list_their_own_calls_the_newest_first(send, make_token, anna):
    for second in range(3):
        send("POST", "new", a_start(f"call-{second}", anna, started_at=1_770_000_000 + second))
    send("POST", "new", a_start("of-bob", make_token("bob")))
    send("POST", "new", a_start("of-nobody"))

    own = send("POST", "own", {"token": anna})

    assert [call["id"] for call in own["calls"]] == ["call-2", "call-1", "call-0"]
    assert own["total"] == 3
    assert not {"request_body", "request_headers", "response_body"} & set(own["calls"][0])


def test_lists_have_pages_and_filters(send, anna):
    for number, job_name in enumerate("aab"):
        values = {"job_name": job_name, "started_at": 1_770_000_000 + number}
        send("POST", "new", a_start(f"call-{number}", anna, **values))
    send("PUT", "call/call-0/cancel", {"token": anna})

    def ids(**wanted):
        own = send("POST", "own", {"token": anna} | wanted)
        return [call["id"] for call in own["calls"]], own["total"]

    assert ids(limit=1, offset=1) == (["call-1"], 3)
    assert ids(job_name="a") == (["call-1", "call-0"], 2)
    assert ids(job_name="a", statuses=["failed"]) == (["call-0"], 1)
    assert ids(statuses=["ongoing", "failed"], job_version="0.0.1")[1] == 3
    assert ids(job_version="0.0.2") == ([], 0)


def test_a_list_needs_a_caller(send, internal):
    send("POST", "own", {"token": "not.a.token"}, 401)
    services = {"token": internal["X-Racetrack-Auth"]}
    send("POST", "new", a_start("of-nobody"))
    assert send("POST", "own", services) == {"calls": [], "total": 0}


def test_no_token_is_stored(send, app_uow, anna):
    send("POST", "new", a_start("one", anna, "k"))
    with app_uow.reading() as uow:
        rows = uow.session.execute(text("SELECT * FROM registry_asyncjobcalllease")).all()
    assert anna not in str(rows)
