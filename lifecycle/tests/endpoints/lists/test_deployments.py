from datetime import UTC, datetime, timedelta

import pytest
from lifecycle.database.tables.deployment import DeploymentRow
from racetrack_client.entities import AuthScope
from racetrack_commons.entities.dto import DeploymentStatus
from racetrack_commons.testing.builders import a_deployment, a_job
from sqlalchemy import delete

API = "/lifecycle/api/v1/deploy"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def deployments(app_uow):
    with app_uow() as uow:
        uow.jobs.save(a_job("job-1", "0.0.1"))
        for number in range(4):
            deployment = a_deployment(
                f"id-{number}",
                job_name=f"job-{number}",
                deployed_by="ann" if number % 2 else "Ben",
                status=DeploymentStatus.DONE if number else DeploymentStatus.FAILED,
            )
            uow.deployments.add(deployment, NOW - timedelta(seconds=number))


@pytest.fixture
def reader(client, app_uow):
    """The token of an ESC that may read job-1, and began the deployment id-9 of a job that is gone."""
    tokens = client.app.state.services.tokens
    with app_uow() as uow:
        esc = uow.auth_subjects.get_or_add_of_esc(uow.escs.add("caller", "esc-1").id)
        family = uow.families.get_or_add("job-1")
        uow.permissions.grant(esc.id, AuthScope.READ_JOB, job_family_id=family.id)
        uow.deployments.add(a_deployment("id-9", job_name="gone"), NOW - timedelta(days=1), esc.id)
        return {"X-Racetrack-Auth": tokens.ensure_valid(uow, esc)}


def ask(client, headers, **query):
    answer = client.get(API, params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()], answer.headers.get("X-Total-Count")


def test_without_new_parameters_the_list_is_as_older_clients_know_it(client, admin, deployments):
    assert ask(client, admin) == (["id-0", "id-1", "id-2", "id-3"], None)
    assert ask(client, admin, limit=2) == (["id-0", "id-1"], None)
    assert ask(client, admin, limit=0, job_name="job-2") == (["id-2"], None)
    shown = client.get(API, headers=admin).json()[0]
    assert (shown["kind"], shown["is_serving"], "name: adder" in shown["manifest_yaml"]) == (
        None,
        False,
        True,
    )


@pytest.mark.parametrize(
    ("query", "expected", "total"),
    [
        ({"limit": 2, "offset": 1}, ["id-1", "id-2"], 4),
        ({"offset": 3}, ["id-3"], 4),
        ({"offset": 9}, [], 4),
        ({"search": "BEN job-", "limit": 1}, ["id-0"], 2),
        ({"search": "100%"}, [], 0),
        ({"status": "failed"}, ["id-0"], 1),
        ({"status": ["failed", "done"], "deployed_by": "ann"}, ["id-1", "id-3"], 2),
        ({"sort": "-latest", "limit": 1}, ["id-3"], 4),
        ({"sort": "-name", "limit": 2}, ["id-3", "id-2"], 4),
        ({"sort": "status", "limit": 2}, ["id-0", "id-1"], 4),
        ({"offset": 0, "job_name": "job-2", "job_version": "0.0.1"}, ["id-2"], 1),
    ],
)
def test_a_page_has_what_is_asked_for_and_tells_the_total(
    client, admin, deployments, query, expected, total
):
    assert ask(client, admin, **query) == (expected, str(total))


def test_a_page_has_only_what_the_caller_may_see(client, reader, deployments):
    assert ask(client, reader, offset=0) == (["id-1", "id-9"], "2")
    assert ask(client, reader, offset=0, limit=1) == (["id-1"], "2")
    assert ask(client, reader) == (["id-1", "id-9"], None)
    assert ask(client, reader, search="job-2") == ([], "0")
    refused = client.get(API, params={"offset": 0, "job_name": "job-2"}, headers=reader)
    assert (refused.status_code, refused.json()["type"]) == (401, "NotPermitted")


def test_a_page_may_leave_the_manifests_out(client, admin, deployments):
    answer = client.get(f"{API}?manifests=false&limit=1", headers=admin)
    assert [each["manifest_yaml"] for each in answer.json()] == [""]


def test_a_list_that_the_client_has_is_not_sent_again(client, admin, deployments, app_uow):
    tag = client.get(f"{API}?offset=0", headers=admin).headers["ETag"]
    known = admin | {"If-None-Match": tag}
    assert client.get(f"{API}?offset=0", headers=known).status_code == 304
    with app_uow() as uow:
        uow.deployments.set_phase("id-1", "building image", NOW)
    assert client.get(f"{API}?offset=0", headers=known).status_code == 200


@pytest.mark.parametrize("query", ["sort=size", "status=lost", "limit=0&offset=0", "offset=-1"])
def test_wrong_pages_are_refused(client, admin, query):
    answer = client.get(f"{API}?{query}", headers=admin)
    assert (answer.status_code, answer.json()["type"]) == (400, "ValidationError")
    assert "allowed are" in answer.json()["error"]


def test_phases_are_told_with_their_times(client, app_uow, admin, deployments):
    begun = NOW.timestamp()
    with app_uow() as uow:
        for seconds, phase in ((0, "building image"), (0.5, "building image"), (2, "starting")):
            uow.deployments.set_phase("id-1", phase, NOW + timedelta(seconds=seconds))
    phases = [
        {"phase": "building image", "begin_time": begun},
        {"phase": "starting", "begin_time": begun + 2},
    ]

    assert client.get(f"{API}/id-1", headers=admin).json()["phases"] == phases
    listed = client.get(f"{API}?phases=true&job_name=job-1", headers=admin).json()
    assert [each["phases"] for each in listed] == [phases]
    assert client.get(API, headers=admin).json()[1]["phases"] == []


def test_phases_go_with_their_deployment(uow):
    uow.deployments.add(a_deployment("old"), NOW)
    uow.deployments.set_phase("old", "building image", NOW)

    uow.session.execute(delete(DeploymentRow))

    assert uow.deployments.list_phases(["old"]) == {}
