import pytest
from lifecycle.maintenance import set_maintenance_mode
from racetrack_commons.testing.builders import a_job

from lifecycle import __version__


@pytest.mark.parametrize("prefix", ["", "/lifecycle"])
def test_probes_answer_at_the_root_and_below_the_base_path(client, prefix: str):
    assert client.get(f"{prefix}/live").json() == {"service": "lifecycle", "live": True}
    assert client.get(f"{prefix}/ready").json() == {"service": "lifecycle", "ready": True}
    health = client.get(f"{prefix}/health")
    assert (health.status_code, health.json()["database_connected"]) == (200, True)


def test_health_is_bad_without_a_database(client, app_uow, config):
    app_uow.engine.dispose()
    for path in config.db_path.parent.glob(f"{config.db_path.name}*"):
        path.unlink()
    config.db_path.mkdir()

    health = client.get("/health")

    assert (health.status_code, health.json()["database_connected"]) == (500, False)
    assert client.get("/ready").status_code == 503


def test_info_says_where_the_platform_is(client):
    info = client.get("/lifecycle/api/v1/info").json()
    assert info == {
        "service": "lifecycle",
        "git_version": "dev",
        "docker_tag": "",
        "auth_required": True,
        "external_pub_url": "http://127.0.0.1:7205/pub",
        "lifecycle_url": "http://testserver/lifecycle",
        "grafana_url": "http://127.0.0.1:3000",
        "dashboard_url": "http://127.0.0.1:7203/dashboard",
    }


def test_metrics_carry_the_names_of_the_dashboards(client):
    text = client.get("/metrics").text
    for name in ("requested_job_deployments_total", "lifecycle_job_model_fetch_duration_bucket"):
        assert name in text


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


def test_the_documentation_groups_every_route_and_describes_each_group(client):
    document = client.get("/lifecycle/openapi.json").json()
    described = [each["name"] for each in document["tags"]]
    used = {
        tag
        for path in document["paths"].values()
        for operation in path.values()
        for tag in operation.get("tags", ["none"])
    }
    assert used == set(described)
    assert document["info"]["version"] == __version__
    assert "[admin panel](admin/)" in document["info"]["description"]
