from datetime import UTC, datetime

import pytest
from lifecycle.database.tables.job import PublicEndpointRow
from racetrack_client.entities import AuthScope
from racetrack_commons.testing.builders import a_job
from sqlalchemy import update

API = "/lifecycle/api/v1/job/adder/0.0.1/callers"
ADMIN = ("user", "admin", [("full_access", "full_access on everything")])


@pytest.fixture
def ask(client):
    def send(headers, **query):
        answer = client.get(API, params=query, headers=headers)
        assert answer.status_code == 200, answer.text
        told = [
            (
                caller["kind"],
                caller["display_name"],
                [(reason["kind"], reason["description"]) for reason in caller["reasons"]],
            )
            for caller in answer.json()["callers"]
        ]
        return told, answer.json()["is_complete"]

    return send


@pytest.fixture
def ann(client, app_uow):
    """The header of a user who may read all, and call adder; there are other subjects and jobs."""
    with app_uow() as uow:
        job = uow.jobs.save(a_job("adder", "0.0.1"))
        other = uow.jobs.save(a_job("other", "0.0.1"))
        adder = {"job_family_id": uow.families.get("adder").id}
        user = uow.users.add("ann", "hash", datetime.now(UTC))
        uow.users.set_active("ann", active=True)
        subject = uow.auth_subjects.get_or_add_of_user(user.id)
        uow.permissions.grant(subject.id, AuthScope.READ_JOB)
        uow.permissions.grant(subject.id, AuthScope.CALL_JOB, **adder)
        left = uow.auth_subjects.get_or_add_of_user(uow.users.add("ben", "x", datetime.now(UTC)).id)
        uow.permissions.grant(left.id, AuthScope.CALL_JOB)
        shop = uow.auth_subjects.get_or_add_of_esc(uow.escs.add("web shop", "shop").id)
        uow.permissions.grant(
            shop.id, AuthScope.CALL_JOB, job_id=job.id, endpoint="/api/v1/perform"
        )
        uow.permissions.grant(shop.id, AuthScope.CALL_JOB, job_id=other.id)
        uow.public_endpoints.request(job.id, ["/open", "/not-yet"])
        opened = update(PublicEndpointRow).where(PublicEndpointRow.endpoint == "/open")
        uow.session.execute(opened.values(active=True))
        return {"X-Racetrack-Auth": client.app.state.services.tokens.create(uow, subject).text}


ANN = ("user", "ann", [("permission", "call_job on job family adder")])
SHOP = (
    "esc",
    "web shop",
    [("permission", "call_job on job adder 0.0.1, endpoint /api/v1/perform")],
)
ANYONE = (
    "anyone",
    "anyone",
    [("public_endpoint", "/open is a public endpoint of job adder 0.0.1")],
)


def test_those_who_may_deploy_a_job_see_all_its_callers_and_why(ask, admin, ann):
    assert ask(admin) == ([ANYONE, SHOP, ADMIN, ANN], True)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"endpoint": "api/v1/perform"}, [SHOP, ADMIN, ANN]),
        ({"endpoint": "/open/x"}, [ANYONE, ADMIN, ANN]),
        ({"endpoint": "/other"}, [ADMIN, ANN]),
        ({"scope": "delete_job"}, [ADMIN]),
        (
            {"scope": "read_job"},
            [ADMIN, ("user", "ann", [("permission", "read_job on everything")])],
        ),
    ],
    ids=str,
)
def test_the_question_can_be_narrower(ask, admin, ann, query, expected):
    assert ask(admin, **query) == (expected, True)


def test_other_readers_see_only_themselves(ask, ann, app_uow):
    assert ask(ann) == ([ANYONE, ANN], False)
    assert ask(ann, scope="delete_job") == ([], False)
    with app_uow() as uow:
        user = uow.users.get("ann")
        uow.users.set_rights("ann", user.model_copy(update={"is_staff": True}))
    assert ask(ann)[1] is True


def test_callers_of_a_job_that_one_may_not_read_are_not_told(client, app_uow, ann):
    with app_uow() as uow:
        shop = uow.auth_subjects.find_of_esc("shop")
        token = client.app.state.services.tokens.create(uow, shop).text
    assert client.get(API, headers={"X-Racetrack-Auth": token}).status_code == 401


def test_an_esc_is_renamed_and_that_is_audited(client, admin, ann):
    url = "/lifecycle/api/v1/escs/shop"
    for _ in range(2):
        renamed = client.put(url, json={"name": "market"}, headers=admin)
        assert renamed.json() == {"id": "shop", "name": "market"}
    activity = client.get("/lifecycle/api/v1/audit/activity", headers=admin).json()["events"]
    assert [event["explanation"] for event in activity] == [
        'admin renamed ESC web shop: name = "market"'
    ]
    assert client.put(f"{url}-x", json={"name": "x"}, headers=admin).status_code == 404
    assert client.put(url, json={"name": ""}, headers=admin).status_code == 422
