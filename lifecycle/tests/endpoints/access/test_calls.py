from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from lifecycle.app import create_app
from lifecycle.database.tables.job import PublicEndpointRow
from lifecycle.domain.secrets import SecretBox
from lifecycle.maintenance import set_maintenance_mode
from lifecycle.testing.instances import an_instance, save_instance
from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.testing.builders import a_job

API = "/lifecycle/api/v1"
CALL = f"{API}/auth/can-call-job/adder"


@pytest.fixture
def job(app_uow):
    with app_uow() as uow:
        uow.jobs.save(a_job("adder", "0.0.1"))
        uow.jobs.save(a_job("adder", "0.0.2", status=JobStatus.STARTING, internal_name=None))
        return uow.jobs.save(a_job("other", "0.0.1"))


def test_a_granted_esc_may_call_the_job_and_no_other(client, job, esc, esc_token, internal):
    assert client.get(f"{CALL}/0.0.1/api/v1/perform", headers=esc_token).status_code == 401
    grant = f"{API}/auth/allow/esc/{esc}/job/adder/scope/call_job"
    assert client.post(grant, headers=internal).json() is None
    assert client.post(grant, headers=internal).status_code == 200

    answer = client.get(f"{CALL}/latest/api/v1/perform", headers=esc_token)

    assert answer.status_code == 200
    body = answer.json()
    assert (body["job"]["version"], body["caller"]) == ("0.0.1", "ESC caller")
    assert body["job"]["pub_url"] == "http://127.0.0.1:7205/pub/job/adder/0.0.1"
    assert body["remote_gateway_url"] is None
    other = CALL.replace("adder", "other")
    assert client.get(f"{other}/0.0.1/api/v1/perform", headers=esc_token).status_code == 401


def test_pub_is_told_how_long_the_token_is_valid(client, app_uow, job, admin):
    services = client.app.state.services
    with app_uow() as uow:
        user = uow.users.get("admin")
        subject = uow.auth_subjects.get_or_add_of_user(user.id)
        ends = services.clock.now() + timedelta(seconds=100)
        token = services.tokens.create(uow, subject, ends).text
    path = f"{CALL}/0.0.1/api/v1/perform"

    answer = client.get(path, headers={"X-Racetrack-Auth": token}).json()

    assert 90 < answer["valid_seconds"] <= 100
    assert client.get(path, headers=admin).json()["valid_seconds"] is None
    assert client.get(f"{CALL}/0.0.1/live").json()["valid_seconds"] is None


@pytest.mark.parametrize("proves_itself", [True, False])
def test_the_gateway_alone_learns_the_secret_of_the_instance(
    client, job, admin, internal, app_uow, proves_itself
):
    save_instance(app_uow, an_instance(proves_itself=proves_itself))

    def ask(service_token):
        headers = admin | {"X-Racetrack-Service-Auth": service_token}
        answer = client.get(f"{CALL}/0.0.1/api/v1/perform", headers=headers)
        assert answer.status_code == 200
        return answer.json()["instance_secret"]

    secrets = SecretBox(client.app.state.services.config.secret_key)
    expected = secrets.derive_instance_secret("one") if proves_itself else None
    assert ask(internal["X-Racetrack-Auth"]) == expected
    assert ask(admin["X-Racetrack-Auth"]) is None, "a caller could go around the gateway"
    assert ask("") is None


def test_jobs_may_call_jobs_of_a_granted_family(client, job, internal):
    url = f"{API}/auth/allow/job_family/other/job/adder/scope/call_job"
    assert client.post(url, headers=internal).status_code == 200
    unknown = f"{API}/auth/allow/job_family/nothing/job/adder/scope/call_job"
    assert client.post(unknown, headers=internal).status_code == 404


def test_an_unknown_scope_is_refused(client, job, esc, internal):
    url = f"{API}/auth/allow/esc/{esc}/job/adder/scope/fly"
    assert client.post(url, headers=internal).status_code == 422


def test_granting_needs_the_admin_scope(client, job, esc, esc_token):
    url = f"{API}/auth/allow/esc/{esc}/job/adder/scope/call_job"
    assert client.post(url, headers=esc_token).status_code == 401


@pytest.mark.parametrize("path", ["", "/", "/health", "/live", "/ready"])
def test_both_forms_of_the_path_are_served(client, job, admin, path):
    answer = client.get(f"{CALL}/0.0.1{path}", headers=admin, follow_redirects=False)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "status"), [("/live", 200), ("/health/", 200), ("/metrics", 401), ("", 401)]
)
def test_probes_of_jobs_need_no_token(client, job, path, status):
    assert client.get(f"{CALL}/0.0.1{path}").status_code == status


def test_a_missing_job_is_missing_before_it_is_forbidden(client):
    answer = client.get(f"{CALL}/9.9.9/api/v1/perform")
    assert (answer.status_code, answer.json()["type"]) == (404, "EntityNotFound")


def test_calls_by_an_alias_pass_a_lost_version_by(client, job, admin, app_uow):
    with app_uow() as uow:
        uow.jobs.save(a_job("adder", "3.0.0", status=JobStatus.LOST))
    answers = [client.get(f"{CALL}/{each}/x", headers=admin).json() for each in ("latest", "3.0.0")]
    assert [answer["job"]["version"] for answer in answers] == ["0.0.1", "3.0.0"]
    explained = client.get(f"{API}/auth/explain?job=adder&endpoint=x", headers=admin)
    assert explained.json()["job_version"] == "0.0.1"
    shown = client.get(f"{API}/job/adder/latest", headers=admin)
    assert shown.json()["version"] == "3.0.0"


def test_public_endpoints_need_no_token_once_they_are_active(client, job, app_uow):
    with app_uow() as uow:
        job_id = uow.jobs.get("adder", "0.0.1").id
        uow.public_endpoints.request(job_id, ["/api/v1/perform"])
    url = f"{CALL}/0.0.1/api/v1/perform"
    assert client.get(url).status_code == 401
    with app_uow() as uow:
        uow.session.query(PublicEndpointRow).update({"active": True})
    answer = client.get(f"{url}/")
    assert (answer.status_code, answer.json()["caller"]) == (200, None)
    assert client.get(f"{url}ance").status_code == 401


@pytest.mark.parametrize(
    "path", ["open/%2E%2E/api", "open/..%2Fapi", "open/%252e%252e/api", "open/..;/api"]
)
def test_a_public_endpoint_is_no_way_to_others(client, job, app_uow, path):
    with app_uow() as uow:
        uow.public_endpoints.request(uow.jobs.get("adder", "0.0.1").id, ["/open"])
        uow.session.query(PublicEndpointRow).update({"active": True})
    assert client.get(f"{CALL}/0.0.1/open/api").status_code == 200
    assert client.get(f"{CALL}/0.0.1/{path}").status_code == 401


def test_denied_callers_of_jobs_are_told_what_they_lack(config):
    app = create_app(config)
    with app.state.services.unit_of_work() as uow:
        uow.jobs.save(a_job("adder", "0.0.1"))
        esc = uow.auth_subjects.get_or_add_of_esc(uow.escs.add("caller", None).id)
        headers = {"X-Racetrack-Auth": app.state.services.tokens.ensure_valid(uow, esc)}
    with TestClient(app) as client:
        answer = client.get(f"{CALL}/0.0.1/x", headers=headers)
    lacking = "ESC caller lacks the permission call_job on endpoint /x of job adder 0.0.1"
    remedy = f"an admin grants it with `racetrack auth allow esc:{esc.name} adder`"
    expected = {"error": f"{lacking}; {remedy}", "type": "NotPermitted"}
    assert (answer.status_code, answer.json()) == (401, expected)


@pytest.mark.parametrize(
    ("is_debug", "expected"),
    [
        (True, "no auth token was given: log in with `racetrack login`"),
        (False, "the auth token is missing, or not valid"),
    ],
)
def test_the_fault_of_a_token_is_told_when_the_settings_say_so(config, is_debug, expected):
    app = create_app(config.model_copy(update={"auth_debug": is_debug}))
    with app.state.services.unit_of_work() as uow:
        uow.jobs.save(a_job("adder", "0.0.1"))
    with TestClient(app) as client:
        answer = client.get(f"{CALL}/0.0.1/x")
    assert (answer.status_code, answer.json()["error"]) == (401, expected)


def test_maintenance_stops_all_calls(client, job, admin, app_uow):
    with app_uow() as uow:
        set_maintenance_mode(uow, on=True)
    assert client.get(f"{CALL}/0.0.1/live", headers=admin).status_code == 503
    with app_uow() as uow:
        set_maintenance_mode(uow, on=False)
    assert client.get(f"{CALL}/0.0.1/live", headers=admin).status_code == 200


def test_allowed_answers_with_a_status_only(client, job, admin, esc_token):
    url = f"{API}/auth/allowed/job/adder/latest/scope/read_job"
    answer = client.get(url, headers=admin)
    assert (answer.status_code, answer.content) == (202, b"")
    assert client.get(url, headers=esc_token).status_code == 401
    endpoint = f"{API}/auth/allowed/job_endpoint/adder/latest/scope/call_job/endpoint/api/v1/x"
    assert client.get(endpoint, headers=admin).status_code == 202
    assert client.get(endpoint, headers=esc_token).status_code == 401
    missing = endpoint.replace("latest", "9.9.9")
    assert client.get(missing, headers=admin).status_code == 202  # a future version
    dots = endpoint.replace("v1/x", "%2E%2E/x")
    assert client.get(dots, headers=admin).status_code == 401
