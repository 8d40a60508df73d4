from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import httpx
import pytest
from lifecycle.app import create_app
from lifecycle.maintenance import set_maintenance_mode
from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.entities.async_calls import AsyncCallClaim, AsyncCallLease, AsyncJobCallDto
from racetrack_commons.testing.serving import running_server, wait_until
from sqlalchemy import event

API = "/lifecycle/api/v1/job/async"
CALLS = f"{API}/call"
ID = "11111111-2222-3333-4444-555555555555"
CALL = {
    "id": ID,
    "status": "ongoing",
    "started_at": 1_770_000_000,
    "ended_at": None,
    "error": None,
    "job_name": "adder",
    "job_version": "0.0.1",
    "job_path": "/api/v1/perform",
    "request_method": "POST",
    "request_url": "/pub/job/adder/0.0.1/api/v1/perform?x=1",
    "request_headers": {"cookie": "session=secret"},
    "request_body": "[40, 2]",
    "response_status_code": None,
    "response_headers": None,
    "response_body": "",
    "attempts": 1,
    "pub_instance_addr": "",
    "retriable_error": False,
}
KEPT_CALL = CALL | {
    "request_url": "/pub/async/new/job/adder/0.0.1/api/v1/perform?" + "x" * 1000,
    "request_headers": {"Content-Type": "application/json"},
    "request_body": '{"numbers": [40, 2], "ä": "€"}',
    "pub_instance_addr": "10.0.0.1:7005",
}
DONE = KEPT_CALL | {
    "status": "completed",
    "ended_at": 1_770_000_005,
    "response_status_code": 200,
    "response_headers": {"Content-Type": "application/json"},
    "response_body": "42",
}
PATH = f"{CALLS}/{ID}"
ENDED = {
    "status": "completed",
    "response_status_code": 200,
    "response_headers": {"set-cookie": "a=1\nb=2"},
    "response_body": "/wA=",
    "body_encoding": "base64",
}


def test_a_call_is_kept_changed_and_forgotten(client, internal):
    assert client.post(CALLS, json=KEPT_CALL, headers=internal).json() is None
    assert client.get(PATH, headers=internal).json() == KEPT_CALL | {"body_encoding": "utf-8"}

    assert client.put(PATH, json=DONE, headers=internal).json() is None
    assert client.get(PATH, headers=internal).json() == DONE | {"body_encoding": "utf-8"}

    assert client.delete(PATH, headers=internal).json() is None
    assert client.get(PATH, headers=internal).status_code == 404
    assert client.delete(PATH, headers=internal).status_code == 404


def test_a_call_that_is_there_is_replaced_and_one_that_is_not_is_added(client, internal):
    assert client.put(PATH, json=KEPT_CALL, headers=internal).status_code == 200
    assert client.post(CALLS, json=DONE, headers=internal).status_code == 200

    assert client.get(PATH, headers=internal).json()["status"] == "completed"


def test_bodies_that_are_no_text_travel_as_base64(client, internal):
    binary = KEPT_CALL | {
        "body_encoding": "base64",
        "request_body": "/wA=",
        "response_body": "aGk=",
    }
    client.post(CALLS, json=binary, headers=internal)

    shown = client.get(PATH, headers=internal).json()
    assert (shown["body_encoding"], shown["request_body"]) == ("base64", "/wA=")
    bad = binary | {"request_body": "no base64!"}
    assert client.post(CALLS, json=bad, headers=internal).status_code == 400


def test_attempts_may_be_left_out_and_nothing_else(client, internal):
    without = {key: value for key, value in KEPT_CALL.items() if key != "attempts"}
    assert client.post(CALLS, json=without, headers=internal).status_code == 200
    for key in without:
        partial = {name: value for name, value in without.items() if name != key}
        assert client.post(CALLS, json=partial, headers=internal).status_code == 422, key


@pytest.mark.parametrize(
    "wrong", [{"attempts": 10**20}, {"response_status_code": -1}, {"started_at": 10**20}]
)
def test_numbers_that_no_call_has_are_refused(client, internal, wrong):
    assert client.post(CALLS, json=KEPT_CALL | wrong, headers=internal).status_code == 422


def test_a_body_of_another_call_is_refused(client, internal):
    answer = client.put(f"{CALLS}/another", json=KEPT_CALL, headers=internal)

    assert (answer.status_code, answer.json()["type"]) == (400, "ValidationError")


def test_running_calls_may_end_in_maintenance_mode(client, internal, app_uow):
    with app_uow() as uow:
        set_maintenance_mode(uow, on=True)

    assert client.post(CALLS, json=KEPT_CALL, headers=internal).status_code == 200


def test_callers_need_permission(client):
    assert client.get(PATH).status_code == 401
    assert client.post(CALLS, json=KEPT_CALL).status_code == 401


def test_old_calls_are_forgotten(uow):
    uow.async_calls.save(AsyncJobCallDto(**KEPT_CALL))
    started = datetime.fromtimestamp(KEPT_CALL["started_at"], UTC)

    assert uow.async_calls.remove_before(started) == 0
    assert uow.async_calls.remove_before(started + timedelta(seconds=1)) == 1
    with pytest.raises(EntityNotFound):
        uow.async_calls.get(KEPT_CALL["id"])


def test_a_call_that_did_not_change_is_not_written(uow):
    uow.async_calls.save(AsyncJobCallDto(**KEPT_CALL))
    statements = []
    connection = uow.session.connection()
    event.listen(connection, "before_cursor_execute", lambda *args: statements.append(args[2]))

    uow.async_calls.save(AsyncJobCallDto(**KEPT_CALL))
    assert not [text for text in statements if not text.startswith("SELECT")]

    uow.async_calls.save(AsyncJobCallDto(**DONE))
    assert [text for text in statements if text.startswith("UPDATE")]


@pytest.fixture
def send(client, internal):
    def send(method, path, body=None, status=200):
        answer = client.request(method, f"{API}{path}", json=body, headers=internal)
        assert answer.status_code == status, answer.text
        return answer.json()

    return send


def test_a_new_call_belongs_to_its_first_holder_who_ends_it(send):
    send("POST", "/new", {"call": CALL, "lease": lease("a")})
    assert send("POST", "/claim", claim("b")) == []

    send("PUT", f"/call/{ID}/end", ENDED | {"holder": "b"}, 409)
    send("PUT", f"/call/{ID}/end", ENDED | {"holder": "a"})

    shown = send("GET", f"/call/{ID}")
    assert (shown["status"], shown["response_status_code"]) == ("completed", 200)
    assert shown["response_headers"] == {"set-cookie": "a=1\nb=2"}
    assert (shown["response_body"], shown["body_encoding"]) == ("/wA=", "base64")
    assert shown["ended_at"] is not None
    assert send("GET", f"/call/{ID}/status") == {"status": "completed"}


def test_what_the_job_was_sent_is_forgotten_with_the_end(send):
    send("POST", "/new", {"call": CALL, "lease": lease("a")})
    assert send("GET", f"/call/{ID}")["request_headers"] == CALL["request_headers"]
    send("PUT", f"/call/{ID}/end", ENDED | {"holder": "a"})

    shown = send("GET", f"/call/{ID}")
    assert (shown["request_headers"], shown["request_body"]) == ({}, "")


def test_a_call_that_nobody_runs_is_handed_out_once(send):
    send("POST", "/new", {"call": CALL | {"attempts": 0}})

    [claimed] = send("POST", "/claim", claim("a"))
    assert (claimed["attempts"], claimed["is_abandoned"]) == (1, False)
    assert claimed["request_body"] == "[40, 2]"
    assert send("POST", "/claim", claim("b")) == []


def test_who_has_no_room_gets_nothing(send):
    send("POST", "/new", {"call": CALL})
    assert send("POST", "/claim", claim("a") | {"limit": 0}) == []
    assert len(send("POST", "/claim", claim("a"))) == 1


def test_a_call_that_ended_can_neither_end_again_nor_go_on(send):
    send("POST", "/new", {"call": CALL, "lease": lease("a")})
    send("PUT", f"/call/{ID}/end", ENDED | {"holder": "a"})

    send("PUT", f"/call/{ID}/end", ENDED | {"holder": "a", "status": "failed"}, 409)
    send("PUT", f"/call/{ID}/release", {"holder": "a", "claimable_after_seconds": 0}, 409)
    assert send("POST", "/renew", {"holders": {ID: "a"}, "seconds": 9}) == {"call_ids": []}
    assert send("POST", "/claim", claim("b")) == []


def test_an_end_is_none_that_goes_on(send):
    send("POST", "/new", {"call": CALL, "lease": lease("a")})
    send("PUT", f"/call/{ID}/end", ENDED | {"holder": "a", "status": "ongoing"}, 400)


def test_only_the_holder_renews(send):
    send("POST", "/new", {"call": CALL, "lease": lease("a")})
    held = send("POST", "/renew", {"holders": {ID: "a", "gone": "a"}, "seconds": 9})
    assert held == {"call_ids": [ID]}
    assert send("POST", "/renew", {"holders": {ID: "b"}, "seconds": 9}) == {"call_ids": []}


def test_a_call_given_back_counts_an_attempt_only_when_it_failed(send):
    send("POST", "/new", {"call": CALL, "lease": lease("a")})

    send("PUT", f"/call/{ID}/release", {"holder": "a", "claimable_after_seconds": 0})
    [again] = send("POST", "/claim", claim("b"))
    assert (again["attempts"], again["is_abandoned"], again["error"]) == (1, False, None)

    failed = {"holder": "b", "claimable_after_seconds": 0, "error": "it broke"}
    send("PUT", f"/call/{ID}/release", failed)
    [again] = send("POST", "/claim", claim("c"))
    assert (again["attempts"], again["error"]) == (2, "it broke")


def test_a_call_may_have_to_wait_for_its_next_attempt(send):
    send("POST", "/new", {"call": CALL, "lease": lease("a")})
    send("PUT", f"/call/{ID}/release", {"holder": "a", "claimable_after_seconds": 60})
    assert send("POST", "/claim", claim("b")) == []


def test_an_end_that_was_delivered_is_forgotten_in_a_while(send):
    send("POST", "/new", {"call": CALL, "lease": lease("a")})
    send("PUT", f"/call/{ID}/delivery", {"forget_after_seconds": 0})
    send("POST", "/claim", claim("b"))
    send("PUT", f"/call/{ID}/end", ENDED | {"holder": "a"})

    send("PUT", f"/call/{ID}/delivery", {"forget_after_seconds": 60})
    send("POST", "/claim", claim("b"))
    send("GET", f"/call/{ID}")

    send("DELETE", f"/call/{ID}")
    send("POST", "/new", {"call": CALL, "lease": lease("a")})
    send("PUT", f"/call/{ID}/end", ENDED | {"holder": "a"})
    send("PUT", f"/call/{ID}/delivery", {"forget_after_seconds": 0})
    send("POST", "/claim", claim("b") | {"limit": 0})
    send("GET", f"/call/{ID}", status=404)
    send("GET", f"/call/{ID}/status", status=404)


def test_the_end_is_announced(send, app_uow):
    send("POST", "/new", {"call": CALL, "lease": lease("a")})
    send("PUT", f"/call/{ID}/end", ENDED | {"holder": "a"})
    with app_uow.reading() as uow:
        *_, change = uow.changes.list_after(0)
    assert (change.kind, change.subject) == ("async_call", ID)


def test_an_id_is_used_once(send):
    send("POST", "/new", {"call": CALL})
    send("POST", "/new", {"call": CALL}, 409)


def test_calls_of_older_gateways_are_left_to_them(send):
    send("POST", "/call", CALL)
    assert send("POST", "/claim", claim("a")) == []
    send("PUT", f"/call/{ID}", CALL | {"status": "completed"})


def test_a_lease_that_ran_out_is_taken_over_by_one(unit_of_work, clock):
    now = clock.now()
    with unit_of_work() as uow:
        call = AsyncJobCallDto(**CALL)
        uow.async_call_leases.add(call, AsyncCallLease(holder="a", seconds=9), now)
    later = now + timedelta(seconds=9)

    with unit_of_work() as uow:
        assert uow.async_call_leases.claim(a_claim("b", 9), now) == []
    with unit_of_work() as uow:
        expires_at = later + timedelta(seconds=9)
        [taken] = uow.async_call_leases.claim(a_claim("b", 9), later)
        assert (taken.is_abandoned, taken.attempts) == (True, 2)
    with unit_of_work() as uow:
        assert uow.async_call_leases.claim(a_claim("c", 9), later) == []
        assert uow.async_call_leases.renew({ID: "a"}, expires_at) == []


def test_a_lease_that_ran_out_unnoticed_may_be_renewed(unit_of_work, clock):
    now = clock.now()
    with unit_of_work() as uow:
        lease = AsyncCallLease(holder="a", seconds=9)
        uow.async_call_leases.add(AsyncJobCallDto(**CALL), lease, now - timedelta(seconds=9))
        expires_at = now + timedelta(seconds=9)
        assert uow.async_call_leases.renew({ID: "a"}, expires_at) == [ID]
        assert not uow.async_call_leases.has_work(now)


def test_gateways_that_claim_at_the_same_time_get_different_calls(unit_of_work, clock):
    now = clock.now()
    ids = [f"{number:036d}" for number in range(20)]
    with unit_of_work() as uow:
        for call_id in ids:
            uow.async_call_leases.add(AsyncJobCallDto(**CALL | {"id": call_id}), None, now)
    at_once = Barrier(4)

    def claim_some(number: int) -> list[str]:
        at_once.wait(10)
        with unit_of_work() as uow:
            claimed = uow.async_call_leases.claim(a_claim(str(number), 10), now)
            return [call.id for call in claimed]

    with ThreadPoolExecutor(4) as pool:
        claimed = [call_id for some in pool.map(claim_some, range(4)) for call_id in some]
    with unit_of_work() as uow:
        left = uow.async_call_leases.claim(a_claim("last", 20), now)
    assert sorted([*claimed, *(call.id for call in left)]) == ids


def test_more_gateways_than_threads_may_renew_at_the_same_moment(config, internal):
    app = create_app(config)
    now = app.state.services.clock.now()
    with app.state.services.unit_of_work() as uow:
        lease = AsyncCallLease(holder="a", seconds=60)
        uow.async_call_leases.add(AsyncJobCallDto(**CALL), lease, now)

    with running_server(app) as url, ThreadPoolExecutor(100) as pool:

        def renew(_: int) -> int:
            body = {"holders": {ID: "a"}, "seconds": 60}
            return httpx.post(
                f"{url}{API}/renew", json=body, headers=internal, timeout=20
            ).status_code

        assert set(pool.map(renew, range(100))) == {200}


def test_routine_questions_leave_the_log_alone(send, caplog):
    caplog.set_level("INFO", "racetrack_commons.api.asgi_layers")
    send("POST", "/claim", claim("a"))
    send("POST", "/renew", {"holders": {}, "seconds": 9})
    send("PUT", f"/call/{ID}/delivery", {"forget_after_seconds": 60})
    wait_until(lambda: "/delivery 200" in caplog.text)
    logged = [each.message for each in caplog.records if each.name.endswith("access_log")]
    assert not [line for line in logged if "claim" in line or "renew" in line]


def a_claim(holder, limit, **turns):
    return AsyncCallClaim(lease=AsyncCallLease(holder=holder, seconds=9), limit=limit, **turns)


def lease(holder):
    return {"holder": holder, "seconds": 60}


def claim(holder):
    return {"lease": lease(holder), "limit": 9}
