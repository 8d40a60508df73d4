from datetime import UTC, datetime, timedelta

import pytest
from lifecycle.maintenance import set_maintenance_mode
from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.entities.dto import AsyncJobCallDto
from sqlalchemy import event

API = "/lifecycle/api/v1/job/async/call"
CALL = {
    "id": "11111111-2222-3333-4444-555555555555",
    "status": "ongoing",
    "started_at": 1_770_000_000,
    "ended_at": None,
    "error": None,
    "job_name": "adder",
    "job_version": "0.0.1",
    "job_path": "/api/v1/perform",
    "request_method": "POST",
    "request_url": "/pub/async/new/job/adder/0.0.1/api/v1/perform?" + "x" * 1000,
    "request_headers": {"Content-Type": "application/json"},
    "request_body": '{"numbers": [40, 2], "ä": "€"}',
    "response_status_code": None,
    "response_headers": None,
    "response_body": "",
    "attempts": 1,
    "pub_instance_addr": "10.0.0.1:7005",
    "retriable_error": False,
}
DONE = CALL | {
    "status": "completed",
    "ended_at": 1_770_000_005,
    "response_status_code": 200,
    "response_headers": {"Content-Type": "application/json"},
    "response_body": "42",
}
PATH = f"{API}/{CALL['id']}"


def test_a_call_is_kept_changed_and_forgotten(client, internal):
    assert client.post(API, json=CALL, headers=internal).json() is None
    assert client.get(PATH, headers=internal).json() == CALL | {"body_encoding": "utf-8"}

    assert client.put(PATH, json=DONE, headers=internal).json() is None
    assert client.get(PATH, headers=internal).json() == DONE | {"body_encoding": "utf-8"}

    assert client.delete(PATH, headers=internal).json() is None
    assert client.get(PATH, headers=internal).status_code == 404
    assert client.delete(PATH, headers=internal).status_code == 404


def test_a_call_that_is_there_is_replaced_and_one_that_is_not_is_added(client, internal):
    assert client.put(PATH, json=CALL, headers=internal).status_code == 200
    assert client.post(API, json=DONE, headers=internal).status_code == 200

    assert client.get(PATH, headers=internal).json()["status"] == "completed"


def test_bodies_that_are_no_text_travel_as_base64(client, internal):
    binary = CALL | {"body_encoding": "base64", "request_body": "/wA=", "response_body": "aGk="}
    client.post(API, json=binary, headers=internal)

    shown = client.get(PATH, headers=internal).json()
    assert (shown["body_encoding"], shown["request_body"]) == ("base64", "/wA=")
    bad = binary | {"request_body": "no base64!"}
    assert client.post(API, json=bad, headers=internal).status_code == 400


def test_attempts_may_be_left_out_and_nothing_else(client, internal):
    without = {key: value for key, value in CALL.items() if key != "attempts"}
    assert client.post(API, json=without, headers=internal).status_code == 200
    for key in without:
        partial = {name: value for name, value in without.items() if name != key}
        assert client.post(API, json=partial, headers=internal).status_code == 422, key


@pytest.mark.parametrize(
    "wrong", [{"attempts": 10**20}, {"response_status_code": -1}, {"started_at": 10**20}]
)
def test_numbers_that_no_call_has_are_refused(client, internal, wrong):
    assert client.post(API, json=CALL | wrong, headers=internal).status_code == 422


def test_a_body_of_another_call_is_refused(client, internal):
    answer = client.put(f"{API}/another", json=CALL, headers=internal)

    assert (answer.status_code, answer.json()["type"]) == (400, "ValidationError")


def test_running_calls_may_end_in_maintenance_mode(client, internal, app_uow):
    with app_uow() as uow:
        set_maintenance_mode(uow, on=True)

    assert client.post(API, json=CALL, headers=internal).status_code == 200


def test_callers_need_permission(client):
    assert client.get(PATH).status_code == 401
    assert client.post(API, json=CALL).status_code == 401


def test_old_calls_are_forgotten(uow):
    uow.async_calls.save(AsyncJobCallDto(**CALL))
    started = datetime.fromtimestamp(CALL["started_at"], UTC)

    assert uow.async_calls.remove_before(started) == 0
    assert uow.async_calls.remove_before(started + timedelta(seconds=1)) == 1
    with pytest.raises(EntityNotFound):
        uow.async_calls.get(CALL["id"])


def test_a_call_that_did_not_change_is_not_written(uow):
    uow.async_calls.save(AsyncJobCallDto(**CALL))
    statements = []
    connection = uow.session.connection()
    event.listen(connection, "before_cursor_execute", lambda *args: statements.append(args[2]))

    uow.async_calls.save(AsyncJobCallDto(**CALL))
    assert not [text for text in statements if not text.startswith("SELECT")]

    uow.async_calls.save(AsyncJobCallDto(**DONE))
    assert [text for text in statements if text.startswith("UPDATE")]
