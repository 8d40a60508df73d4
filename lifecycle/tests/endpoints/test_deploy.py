import base64
import gzip
import re

import pytest
from lifecycle.deployment.steps.side_by_side import SideBySideProvisioner
from lifecycle.testing.fakes import FakeImageBuilder, FakeInstances, FakeMonitor, a_target
from racetrack_client.entities import AuthScope
from racetrack_commons.testing.builders import a_manifest_dict
from racetrack_commons.testing.serving import wait_until

MANIFEST = a_manifest_dict(smoke_test=False)


@pytest.fixture
def builder(client, monkeypatch):
    """The app with fakes in place of the Image Builder and the infrastructure."""
    services = client.app.state.services
    builder, instances, monitor = FakeImageBuilder(), FakeInstances(), FakeMonitor(logs="hello\n")
    services.deployments.worker._runner.steps["build"]._image_builder = builder
    services.infrastructure._built_in["process"] = a_target(instances, monitor)
    monitor.instances = instances
    # No program answers at the address of a fake instance.
    monkeypatch.setattr(SideBySideProvisioner, "_prove", lambda _, attempt, instance, __: instance)
    return builder


@pytest.fixture
def shop(client, app_uow):
    """The headers of an ESC without permissions."""
    with app_uow() as uow:
        subject = uow.auth_subjects.get_or_add_of_esc(uow.escs.add("shop", None).id)
        token = client.app.state.services.tokens.ensure_valid(uow, subject)
    return {"X-Racetrack-Auth": token}


def post_deploy(client, headers, path="deploy", secret_vars=None, **manifest):
    body = {
        "manifest": MANIFEST | manifest,
        "secret_vars": secret_vars,
        "build_context": base64.b64encode(gzip.compress(b"tar")).decode(),
        "force": True,
    }
    return client.post(f"/lifecycle/api/v1/{path}", json=body, headers=headers)


def wait_for(client, headers, deployment_id):
    path = f"/lifecycle/api/v1/deploy/{deployment_id}"

    def has_ended():
        return client.get(path, headers=headers).json()["status"] != "in_progress"

    wait_until(has_ended)
    return client.get(path, headers=headers).json()


@pytest.fixture
def deployed(client, builder, admin):
    answer = post_deploy(client, admin)
    assert answer.status_code == 200, answer.text
    return wait_for(client, admin, answer.json()["id"])


def test_a_deployment_ends_with_its_job(deployed):
    assert (deployed["status"], deployed["phase"], deployed["error"]) == ("done", None, None)
    assert deployed["deployed_by"] == "admin"
    assert deployed["job"]["pub_url"].endswith("/pub/job/adder/0.0.1")
    assert deployed["manifest_yaml"].startswith("name: adder\nversion: 0.0.1\n")


def test_a_deployment_that_is_sent_again_with_its_id_is_one_deployment(client, builder, admin):
    own = "11111111-2222-3333-4444-555555555555"
    body = {"manifest": MANIFEST, "deployment_id": own, "force": True}
    body["build_context"] = base64.b64encode(gzip.compress(b"tar")).decode()

    answers = [client.post("/lifecycle/api/v1/deploy", json=body, headers=admin) for _ in range(3)]
    wait_for(client, admin, own)
    again = client.post("/lifecycle/api/v1/deploy", json=body, headers=admin)
    odd = client.post(
        "/lifecycle/api/v1/deploy", json=body | {"deployment_id": "../x"}, headers=admin
    )

    assert [answer.json() for answer in (*answers, again)] == [{"id": own}] * 4
    assert len(client.get("/lifecycle/api/v1/deploy", headers=admin).json()) == 1
    assert (odd.status_code, "not a UUID" in odd.json()["error"]) == (400, True)


def test_a_bad_manifest_is_refused_with_every_error(client, builder, admin):
    answer = post_deploy(client, admin, version="one", nonsense=1)

    assert answer.status_code == 400
    assert "version" in answer.json()["error"]
    assert "nonsense" in answer.json()["error"]


def test_a_deployment_needs_a_token(client, builder):
    assert post_deploy(client, {}).status_code == 401
    assert post_deploy(client, {"X-Racetrack-Auth": "invalid"}).status_code == 401


def test_a_second_deployment_at_once_conflicts(client, builder, admin):
    client.app.state.services.deployments.worker._stopping.set()
    post_deploy(client, admin)

    answer = post_deploy(client, admin)

    assert (answer.status_code, answer.json()["type"]) == (409, "DeploymentInProgress")


def test_a_failed_deployment_tells_why_and_its_build_log_stays_readable(client, builder, admin):
    builder.error = "pip failed"
    deployment = wait_for(client, admin, post_deploy(client, admin).json()["id"])

    assert deployment["status"] == "failed"
    assert "pip failed" in deployment["error"]
    assert "`racetrack build-logs adder --version 0.0.1` shows" in deployment["error"]
    path = "/lifecycle/api/v1/job/adder"
    assert client.get(f"{path}/0.0.1", headers=admin).status_code == 404
    for version in ("0.0.1", "latest", "0.x"):
        logs = client.get(f"{path}/{version}/build-logs?tail=1", headers=admin).json()
        assert logs == {"logs": "Step 2"}
    for version in ("1.x", "0.0.2"):
        answer = client.get(f"{path}/{version}/build-logs", headers=admin)
        assert f"job adder {version} was never built here" in answer.json()["error"]


def test_a_build_ends_with_the_name_of_its_image(client, builder, admin):
    answer = post_deploy(client, admin, path="build")

    built = wait_for(client, admin, answer.json()["id"])
    assert (built["status"], built["job"]) == ("done", None)
    assert built["image_name"].startswith("registry.test/adder:")


def test_deployments_are_listed_the_newest_first(client, deployed, admin):
    listed = client.get("/lifecycle/api/v1/deploy?limit=1", headers=admin).json()

    assert [one["id"] for one in listed] == [deployed["id"]]
    assert listed[0]["job"] is None


def test_deployments_are_listed_by_job(client, deployed, admin):
    path = "/lifecycle/api/v1/deploy?job_name=adder&job_version="

    (listed,) = client.get(f"{path}0.0.1", headers=admin).json()
    assert (listed["kind"], listed["is_restorable"]) == ("deploy", True)
    assert client.get(f"{path}0.0.2", headers=admin).json() == []


def test_the_build_log_of_a_deployment_is_shown(client, deployed, admin):
    path = f"/lifecycle/api/v1/deploy/{deployed['id']}/build-logs"

    assert client.get(path, headers=admin).json() == {"logs": "Step 1\nStep 2"}
    assert client.get(f"{path}/plain?tail=1", headers=admin).text == "Step 2"
    assert client.get(path).status_code == 401


def test_a_deployment_that_has_ended_is_not_cancelled(client, deployed, admin):
    answer = client.post(f"/lifecycle/api/v1/deploy/{deployed['id']}/cancel", headers=admin)

    assert answer.status_code == 400
    assert "nothing is left to cancel" in answer.json()["error"]


def test_latest_is_pointed_at_a_version_and_released(client, deployed, admin):
    path = "/lifecycle/api/v1/job/adder"

    def is_pinned():
        (listed,) = client.get("/lifecycle/api/v1/job", headers=admin).json()
        shown = client.get(f"{path}/latest", headers=admin).json()
        assert listed["is_pinned"] == shown["is_pinned"]
        return shown["is_pinned"]

    assert not is_pinned()
    assert client.put(f"{path}/0.0.1/latest", headers=admin).status_code == 200
    assert is_pinned()
    assert client.delete(f"{path}/0.0.1/latest", headers=admin).status_code == 200
    assert not is_pinned()
    assert client.put(f"{path}/0.0.9/latest", headers=admin).status_code == 404


def test_an_unknown_deployment_is_not_found(client, admin):
    assert client.get("/lifecycle/api/v1/deploy/none", headers=admin).status_code == 404


def test_services_set_the_phase_and_add_warnings(client, deployed, internal, admin):
    path = f"/lifecycle/api/v1/deploy/{deployed['id']}"
    assert client.put(f"{path}/phase", json={"phase": "x"}, headers=internal).json() is None
    for text in ("one", "two"):
        client.put(f"{path}/warnings", json={"warnings": text}, headers=internal)

    shown = client.get(path, headers=admin).json()
    assert (shown["phase"], shown["warnings"]) == ("x", "one\ntwo")


def test_in_maintenance_changes_are_refused_with_503(client, deployed, admin, app_uow):
    with app_uow() as uow:
        uow.settings.set("maintenance_mode", True)
    job = "/lifecycle/api/v1/job/adder/0.0.1"

    assert post_deploy(client, admin).status_code == 503
    assert client.delete(job, headers=admin).status_code == 503
    for action in ("redeploy", "reprovision"):
        assert client.post(f"{job}/{action}", headers=admin).status_code == 503
    assert client.get(job, headers=admin).status_code == 200


def test_jobs_are_listed_shown_and_found_by_alias(client, deployed, admin):
    (job,) = client.get("/lifecycle/api/v1/job", headers=admin).json()
    assert (job["name"], job["status"]) == ("adder", "running")
    assert isinstance(job["update_time"], int)
    for version in ("0.0.1", "latest", "0.x"):
        path = f"/lifecycle/api/v1/job/adder/{version}"
        assert client.get(path, headers=admin).json()["version"] == "0.0.1"
    families = client.get("/lifecycle/api/v1/job_family", headers=admin).json()
    assert [family["name"] for family in families] == ["adder"]


def test_a_job_is_redone_and_deleted(client, deployed, admin):
    job = "/lifecycle/api/v1/job/adder/0.0.1"
    for action in ("redeploy", "reprovision"):
        answer = client.post(f"{job}/{action}", headers=admin)
        assert (answer.status_code, answer.json()) == (200, None), answer.text

    assert client.delete("/lifecycle/api/v1/job/adder/latest", headers=admin).status_code == 404
    answer = client.delete(job, headers=admin)
    assert (answer.status_code, answer.json()) == (200, None)
    assert client.get(job, headers=admin).status_code == 404


def test_a_job_is_rolled_back(client, deployed, admin):
    wait_for(client, admin, post_deploy(client, admin).json()["id"])
    path = "/lifecycle/api/v1/job/adder/0.0.1/rollback"

    answer = client.post(path, headers=admin)

    assert answer.status_code == 200, answer.text
    assert answer.json()["restored_deployment_id"] == deployed["id"]
    again = client.post(path, headers=admin)
    assert (again.status_code, again.json()["type"]) == (404, "NothingToRollBackTo")
    wanted = {"deployment_id": deployed["id"]}
    assert client.post(path, json=wanted, headers=admin).status_code == 200


def test_a_failing_redeployment_answers_with_its_cause(client, deployed, builder, admin):
    builder.error = "pip failed"

    answer = client.post("/lifecycle/api/v1/job/adder/0.0.1/redeploy", headers=admin)

    assert answer.status_code == 500
    assert "pip failed" in answer.json()["error"]


def test_logs_are_shown_with_and_without_colours(client, deployed, admin):
    services = client.app.state.services
    services.infrastructure.get("process").job_monitor.logs = "\x1b[31mred\x1b[0m\n"
    path = "/lifecycle/api/v1/job/adder/latest/logs"

    assert client.get(path, headers=admin).json() == {"logs": "\x1b[31mred\x1b[0m\n"}
    plain = client.get(f"{path}/plain", headers=admin)
    assert plain.text == "red\n"
    assert plain.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_manifest_is_replaced_for_the_next_redeployment(client, deployed, admin):
    path = "/lifecycle/api/v1/job/adder/0.0.1/manifest"
    text = "# two of them\n" + deployed["manifest_yaml"] + "replicas: 2\n"
    assert client.put(path, json={"manifest_yaml": text}, headers=admin).json() is None
    job = client.get("/lifecycle/api/v1/job/adder/0.0.1", headers=admin).json()
    assert (job["manifest_yaml"], job["manifest"]["replicas"]) == (text, 2)

    assert client.get(path, headers=admin).json() == {"manifest_yaml": text}
    (event, *_) = client.get("/lifecycle/api/v1/audit/events", headers=admin).json()
    assert (event["event_type"], event["username_executor"]) == ("manifest_edited", "admin")
    assert event["properties"]["before"] == {"manifest": deployed["manifest_yaml"]}
    assert event["properties"]["after"] == {"manifest": text}
    client.post("/lifecycle/api/v1/job/adder/0.0.1/reprovision", headers=admin)
    job = client.get("/lifecycle/api/v1/job/adder/0.0.1", headers=admin).json()
    assert job["manifest_yaml"] == text


def test_answers_say_that_an_edit_left_the_secrets_of_another_subject_out(
    client, builder, admin, internal
):
    secrets = {"build_env": {}, "runtime_env": {"DB": "pass-word"}}
    answer = post_deploy(client, admin, secret_vars=secrets)
    manifest = wait_for(client, admin, answer.json()["id"])["manifest_yaml"]
    path = "/lifecycle/api/v1/job/adder/0.0.1"
    edited = {"manifest_yaml": manifest + "runtime_env:\n  PROXY: evil\n"}

    answer = client.put(f"{path}/manifest", json=edited, headers=internal)
    assert "secrets of job adder 0.0.1 are left out" in answer.json()["warnings"]
    again = client.post(f"{path}/reprovision", headers=internal)
    assert again.json() == answer.json()
    events = client.get("/lifecycle/api/v1/audit/activity", headers=admin).json()["events"]
    told = [each["explanation"] for each in events if each["event_type"] == "secrets_left_out"]
    assert "runtime_env" in told[0]
    assert "pass-word" not in str(events)


def test_a_wrong_manifest_is_refused_with_every_error(client, deployed, admin):
    path = "/lifecycle/api/v1/job/adder/0.0.1/manifest"
    text = deployed["manifest_yaml"]
    other = text.replace("0.0.1", "0.0.2")
    answer = client.put(path, json={"manifest_yaml": other}, headers=admin)
    assert answer.status_code == 400
    assert client.put(path, json={"manifest_yaml": "a: ["}, headers=admin).status_code == 400
    bad = {"manifest_yaml": text + "replicas: -1\nnonsense: 1\n"}
    answer = client.put(path, json=bad, headers=admin)
    assert answer.status_code == 400
    assert "replicas" in answer.json()["error"]
    assert "nonsense" in answer.json()["error"]
    job = client.get("/lifecycle/api/v1/job/adder/0.0.1", headers=admin).json()
    assert job["manifest_yaml"] == text


BOMB = "\n".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}' if level else 'x'] * 10)}]"
    for level in range(9)
)


def test_manifests_beyond_the_limits_are_refused_and_stored_ones_break_nothing(
    client, deployed, admin, app_uow
):
    path = "/lifecycle/api/v1/job/adder/0.0.1/manifest"
    text = deployed["manifest_yaml"]
    huge = {"labels": {"a": "x" * 300_000}}

    for body in (f"{text}labels:\n  {BOMB.replace(chr(10), chr(10) + '  ')}", text + "#" * 300_000):
        answer = client.put(path, json={"manifest_yaml": body}, headers=admin)
        assert (answer.status_code, "too large" in answer.json()["error"]) == (400, True)
    answer = post_deploy(client, admin, **huge)
    assert (answer.status_code, "262144" in answer.json()["error"]) == (400, True)

    with app_uow() as uow:
        uow.jobs.set_manifest("adder", "0.0.1", BOMB)
    (job,) = client.get("/lifecycle/api/v1/job", headers=admin).json()
    assert (job["manifest"], job["manifest_yaml"]) == (None, BOMB)


def test_public_endpoints_are_shown_when_they_are_active(client, deployed, admin):
    answer = client.get("/lifecycle/api/v1/job/adder/0.0.1/public-endpoints", headers=admin)

    assert answer.json() == []


def test_following_the_log_of_a_target_that_can_not_is_refused(client, deployed, admin):
    answer = client.get("/lifecycle/api/v1/job/adder/latest/logs/follow", headers=admin)

    assert answer.status_code == 503


def log_in_as(client, kind, name):
    """Return the headers of an ESC or job family without permissions."""
    services = client.app.state.services
    with services.unit_of_work() as uow:
        if kind == "esc":
            subject = uow.auth_subjects.get_or_add_of_esc(uow.escs.add(name, None).id)
        else:
            subject = uow.auth_subjects.get_or_add_of_family(uow.families.get_or_add(name).id)
        return subject, {"X-Racetrack-Auth": services.users.tokens.ensure_valid(uow, subject)}


def test_a_job_family_named_like_a_user_does_not_own_its_deployments(client, builder, admin):
    client.app.state.services.deployments.worker._stopping.set()
    path = f"/lifecycle/api/v1/deploy/{post_deploy(client, admin).json()['id']}"
    _, family = log_in_as(client, "job_family", "admin")

    assert client.post(f"{path}/cancel", headers=family).status_code == 401
    assert client.get(path, headers=family).status_code == 401
    assert client.get("/lifecycle/api/v1/deploy", headers=family).json() == []
    logs = "/lifecycle/api/v1/job/adder/0.0.1/build-logs"
    assert client.get(logs, headers=family).status_code == 401
    assert client.post(f"{path}/cancel", headers=admin).status_code == 200


def test_an_esc_owns_the_deployments_that_it_began(client, builder):
    client.app.state.services.deployments.worker._stopping.set()
    subject, esc = log_in_as(client, "esc", "pipeline")
    with client.app.state.services.unit_of_work() as uow:
        uow.permissions.grant(subject.id, AuthScope.DEPLOY_NEW_FAMILY)
    path = f"/lifecycle/api/v1/deploy/{post_deploy(client, esc).json()['id']}"

    assert client.get(path, headers=esc).json()["status"] == "in_progress"
    assert client.post(f"{path}/cancel", headers=esc).status_code == 200


def test_a_manifest_that_can_never_start_is_refused_before_anything_is_built(client, admin):
    builder = client.app.state.services.deployments.worker._runner.steps["build"]
    builder._image_builder = FakeImageBuilder()

    answer = post_deploy(client, admin, resources={"memory_max": "64Gi"})

    assert answer.status_code == 400
    assert "memory_max 64Gi is more than this platform allows: 8Gi" in answer.json()["error"]
    assert builder._image_builder.payloads == []


def test_the_serving_deployment_is_marked(client, deployed, builder, admin):
    path = "/lifecycle/api/v1/deploy?job_name=adder"
    builder.error = "pip failed"
    wait_for(client, admin, post_deploy(client, admin).json()["id"])

    serving = {each["id"]: each["is_serving"] for each in client.get(path, headers=admin).json()}

    assert len(serving) == 2
    assert [each for each, is_serving in serving.items() if is_serving] == [deployed["id"]]


def test_a_list_that_the_caller_may_not_see_names_the_missing_permission(client, deployed, shop):
    headers, path = shop, "/lifecycle/api/v1/deploy"

    answer = client.get(f"{path}?job_name=adder", headers=headers)

    assert answer.status_code == 401
    assert "lacks the permission read_job on job adder" in answer.json()["error"]
    assert re.search(
        r"`racetrack auth allow esc:\S+ adder --scope read_job`", answer.json()["error"]
    )
    assert client.get(path, headers=headers).json() == []


@pytest.mark.parametrize("path", ["job", "calls/adder"])
def test_a_refused_list_names_a_permission_that_is_enough(client, shop, path):
    answer = client.get(f"/lifecycle/api/v1/{path}", headers=shop)

    assert answer.status_code == 401
    assert re.search(r"`racetrack auth allow esc:\S+ JOB --scope read_job`", answer.json()["error"])
