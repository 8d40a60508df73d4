import pytest
from lifecycle.maintenance import set_maintenance_mode
from lifecycle.testing.builders import a_job

API = "/lifecycle/api/v1"
MESSAGE = "Racetrack is under maintenance, try again later"


@pytest.mark.parametrize("on", [True, False])
def test_maintenance_mode_is_switched_and_told(client, admin, on):
    body = {"maintenance_mode": on}

    answer = client.put(f"{API}/maintenance", json=body, headers=admin)

    assert (answer.status_code, answer.json()) == (200, None)
    assert client.get(f"{API}/maintenance", headers=admin).json() == body


def test_switching_is_audited_once(client, admin):
    for on in (True, True, False):
        client.put(f"{API}/maintenance", json={"maintenance_mode": on}, headers=admin)

    events = client.get(f"{API}/audit/activity", headers=admin).json()["events"]
    assert [event["explanation"] for event in events] == [
        "admin ended maintenance",
        "admin began maintenance",
    ]


def test_in_maintenance_jobs_are_not_changed(client, admin):
    client.put(f"{API}/maintenance", json={"maintenance_mode": True}, headers=admin)

    answer = client.post(f"{API}/job/all/reconcile", headers=admin)

    assert (answer.status_code, answer.json()["type"]) == (503, "UnderMaintenance")


JOB = "job/adder/0.0.1"
MANIFEST = {"name": "adder", "version": "0.0.1"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "deploy", {"manifest": MANIFEST}),
        ("DELETE", JOB, None),
        ("POST", f"{JOB}/redeploy", None),
        ("POST", f"{JOB}/reprovision", None),
        ("POST", f"{JOB}/rollback", None),
        ("POST", f"{JOB}/move", {"infrastructure_target": "x"}),
        ("PUT", f"{JOB}/manifest", {"manifest_yaml": ""}),
        ("POST", "job/all/reconcile", None),
        ("GET", f"auth/can-call-job/{JOB.removeprefix('job/')}/live", None),
    ],
)
def test_what_changes_or_calls_jobs_is_refused_before_anybody_is_asked_who_they_are(
    client, app_uow, method, path, body
):
    with app_uow() as uow:
        set_maintenance_mode(uow, on=True)

    answer = client.request(method, f"{API}/{path}", json=body)

    assert (answer.status_code, answer.json()["error"]) == (503, MESSAGE)


@pytest.mark.parametrize("path", ["job", JOB, "deploy", "escs", "records/tables", "plugin"])
def test_reading_goes_on(client, app_uow, admin, path):
    with app_uow() as uow:
        uow.jobs.save(a_job())
        set_maintenance_mode(uow, on=True)

    assert client.get(f"{API}/{path}", headers=admin).status_code == 200
