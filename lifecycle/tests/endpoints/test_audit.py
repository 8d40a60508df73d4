from datetime import timedelta

import pytest
from lifecycle.audit import AuditEvent, write_event
from racetrack_commons.clock import Clock
from racetrack_commons.entities.audit import AuditEventType

API = "/lifecycle/api/v1/audit"


@pytest.fixture(autouse=True)
def events(client, app_uow):
    now = Clock().now()
    with app_uow() as uow:
        for hours, event in enumerate(_EVENTS):
            write_event(uow, event, now - timedelta(hours=hours))


def test_activity_is_explained_newest_first(client, admin):
    body = client.get(f"{API}/activity", headers=admin).json()
    assert [event["explanation"] for event in body["events"]] == [
        "admin deployed job adder 0.0.1",
        "racetrack redeployed job adder 0.0.2 of anna",
        "anna could not deploy job chain 0.0.1",
        "anna installed plugin rust 1.0.0",
    ]
    assert body["events"][0]["time_ago"] == "just now"
    assert body["events"][0]["properties"] == {}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("job_name=adder", 2),
        ("job_name=adder&job_version=0.0.1", 1),
        ("related_to_me=TRUE", 1),
        ("related_to_me=0", 4),
        ("job_name=", 4),
    ],
)
def test_activity_can_be_filtered(client, admin, query, count):
    body = client.get(f"{API}/activity?{query}", headers=admin).json()
    assert len(body["events"]) == count


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("user_events", 1),
        ("user_events/job/adder", 1),
        ("user_events/job/adder/0.0.2", 0),
        ("events", 4),
        ("events/job/adder", 2),
        ("events/job/adder/0.0.2", 1),
    ],
)
def test_events_are_listed(client, admin, path, count):
    events = client.get(f"{API}/{path}", headers=admin).json()
    assert len(events) == count
    assert all(isinstance(event["timestamp"], int) for event in events)


def test_services_have_no_events_of_their_own(client, internal):
    assert client.get(f"{API}/user_events", headers=internal).status_code == 401
    assert client.get(f"{API}/events", headers=internal).status_code == 200


def test_events_are_read_page_by_page(client, admin):
    pages = [
        client.get(f"{API}/events?limit=3&offset={offset}", headers=admin).json()
        for offset in (0, 3, 6)
    ]

    assert [len(page) for page in pages] == [3, 1, 0]
    everything = client.get(f"{API}/events", headers=admin).json()
    assert pages[0] + pages[1] == everything
    assert client.get(f"{API}/events?limit=1001", headers=admin).status_code == 422


def test_events_are_filtered_by_their_type(client, admin):
    path = f"{API}/activity?event_type=job_deployed"

    (event,) = client.get(path, headers=admin).json()["events"]
    assert event["event_type"] == "job_deployed"


@pytest.mark.parametrize(
    ("query", "expected", "total"),
    [
        ("limit=1&offset=1", ["racetrack"], 4),
        ("search=adder+ANNA", ["racetrack"], 1),
        ("user=anna", ["racetrack", "anna", "anna"], 3),
        ("user=anna&related_to_me=1", [], 0),
        ("event_type=job_deployed&event_type=plugin_installed", ["admin", "anna"], 2),
        ("sort=-newest&limit=1", ["anna"], 4),
        ("from=0&until=1", [], 0),
        ("from=1", ["admin", "racetrack", "anna", "anna"], 4),
    ],
)
def test_a_page_of_the_activity_tells_the_total(client, admin, query, expected, total):
    answer = client.get(f"{API}/activity?{query}", headers=admin)
    assert [event["username_executor"] for event in answer.json()["events"]] == expected
    assert answer.headers["X-Total-Count"] == str(total)


def test_an_activity_that_the_client_has_is_not_sent_again(client, admin, app_uow):
    url = f"{API}/activity?limit=2"
    known = admin | {"If-None-Match": client.get(url, headers=admin).headers["ETag"]}
    assert client.get(url, headers=known).status_code == 304
    with app_uow() as uow:
        write_event(uow, _EVENTS[0], Clock().now())
    assert client.get(url, headers=known).status_code == 200


@pytest.mark.parametrize("query", ["sort=size", "from=yesterday"])
def test_wrong_conditions_on_the_activity_are_refused(client, admin, query):
    answer = client.get(f"{API}/activity?{query}", headers=admin)
    assert answer.status_code in (400, 422)


_EVENTS = [
    AuditEvent(AuditEventType.JOB_DEPLOYED, "admin", job_name="adder", job_version="0.0.1"),
    AuditEvent(
        AuditEventType.JOB_REDEPLOYED, "racetrack", "anna", job_name="adder", job_version="0.0.2"
    ),
    AuditEvent(AuditEventType.DEPLOYMENT_FAILED, "anna", job_name="chain", job_version="0.0.1"),
    AuditEvent(
        AuditEventType.PLUGIN_INSTALLED,
        "anna",
        properties={"plugin_name": "rust", "plugin_version": "1.0.0"},
    ),
]
