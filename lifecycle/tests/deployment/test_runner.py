import httpx
import pytest
from lifecycle.deployer.instances import InstanceNotStarted
from lifecycle.domain.deployment import TaskStep
from racetrack_client.entities import SecretVars
from racetrack_commons.entities.dto import DeploymentStatus, JobStatus
from racetrack_commons.testing.builders import a_deploy_payload


def test_a_deployed_job_runs_and_its_deployment_is_done(platform):
    deployment = platform.deploy()

    assert (deployment.status, deployment.phase, deployment.error) == ("done", None, None)
    job = platform.job()
    assert job.status == JobStatus.RUNNING
    assert job.internal_name == "job-0.test:7000"
    assert job.job_type_version == "python3:3.0.0"
    assert job.deployed_by == platform.deployer.name
    assert job.update_time == deployment.create_time
    assert platform.audit_events() == ["job_deployed"]
    assert platform.plugins.hooks == ["job_runtime_env_vars", "post_job_deploy"]


def test_build_logs_are_kept(platform):
    platform.deploy()

    with platform.unit_of_work.reading() as uow:
        assert uow.deployments.find_build_logs("adder", "0.0.1") == "Step 1\nStep 2"


def test_the_builder_gets_the_source_and_the_kind_of_image(platform):
    platform.deploy()

    (payload,) = platform.builder.payloads
    assert payload.image_kind == "process"
    assert payload.build_context is not None
    assert payload.deployment_id[:8] in payload.tag


def test_the_deployer_may_use_the_job(platform):
    platform.deploy()

    with platform.unit_of_work.reading() as uow:
        permissions = uow.permissions.list_of_subject(platform.deployer.id)
    job_id = platform.job().id
    assert {one.scope for one in permissions if one.job_id == job_id} == {
        "read_job", "call_job", "deploy_job", "delete_job",
    }  # fmt: skip


def test_public_endpoints_wait_for_the_staff(platform):
    platform.deploy(public_endpoints=["/api/v1/perform"])

    with platform.unit_of_work.reading() as uow:
        assert uow.public_endpoints.list_active("adder", "0.0.1") == []


def test_a_job_gets_its_variables_and_not_those_of_its_build(platform):
    secrets = SecretVars(build_env={"PIP_TOKEN": "s3cret"}, runtime_env={"DB": "pass-word"})
    platform.deploy(runtime_env={"LEVEL": "1"}, build_env={"BUILD": "x"}, secrets=secrets)

    (instance,) = platform.instances.running.values()
    assert instance.spec.runtime_env == {
        "BUILD": "",
        "PIP_TOKEN": "",
        "JOB_GRACE_SECONDS": "600",
        "LEVEL": "1",
    }
    assert instance.spec.secret_runtime_env == {"DB": "pass-word"}
    assert instance.spec.family_token
    assert platform.builder.payloads[0].secret_build_env == {"PIP_TOKEN": "s3cret"}


def test_secrets_are_kept_for_redeployments_and_rollbacks(platform):
    secrets = SecretVars(runtime_env={"DB": "pass-word"})
    deployment = platform.deploy(secrets=secrets)

    assert platform.instances.secrets["adder", "0.0.1"].secret_runtime_env == {"DB": "pass-word"}
    with platform.unit_of_work.reading() as uow:
        task = uow.deployment_tasks.get(deployment.id)
    assert (task.step, task.lease_owner) == (TaskStep.ENDED, None)
    assert b"pass-word" not in task.secrets


def test_a_failed_deployment_keeps_no_secrets(platform):
    platform.builder.error = "boom"
    deployment = platform.deploy(secrets=SecretVars(runtime_env={"DB": "pass-word"}))

    with platform.unit_of_work.reading() as uow:
        assert uow.deployment_tasks.get(deployment.id).secrets is None


def test_the_old_instance_serves_until_the_new_one_does_then_drains_then_stops(platform):
    platform.deploy()
    old = platform.serving_id()

    platform.deploy()

    new = platform.serving_id()
    assert new != old
    assert platform.job().internal_name == platform.instances.running[new].address
    platform.services.reaper.run_once()
    assert platform.instances.stopped == []
    platform.clock.advance(10)
    platform.services.reaper.run_once()
    assert platform.instances.stopped == [old]


def test_documented_examples_are_called_before_the_switch(platform):
    examples = {"/perform": {"numbers": [40, 2]}, "/explain": {}}
    platform.instances.answers = {
        "/api/v1/examples": lambda _: httpx.Response(200, json=examples),
        "/api/v1/perform": lambda _: httpx.Response(200, json=42),
        "/api/v1/explain": lambda _: httpx.Response(200, json={}),
    }

    assert platform.deploy().status == DeploymentStatus.DONE
    paths = [path for _, path in platform.instances.calls]
    assert paths[-3:] == ["/api/v1/perform", "/api/v1/explain", "/live"]


def test_a_build_alone_deploys_nothing(platform):
    deployment_id = platform.services.submitter.build(a_deploy_payload(), platform.deployer)
    platform.services.worker.run_pending()

    deployment = platform.deployment(deployment_id)
    assert (deployment.status, platform.job()) == ("done", None)
    assert deployment.image_name.startswith("registry.test/adder:")
    assert platform.instances.running == {}


def test_a_failed_build_fails_the_deployment_and_leaves_no_job(platform):
    platform.builder.error = "pip install failed"

    deployment = platform.deploy()

    assert deployment.status == DeploymentStatus.FAILED
    assert "building an image: pip install failed" in deployment.error
    assert "Hint: " in deployment.error
    assert platform.job() is None
    assert platform.audit_events() == ["deployment_failed"]


def test_the_build_log_of_a_failed_first_deployment_can_be_read(platform):
    platform.builder.error = "pip install failed"
    platform.deploy()

    with platform.unit_of_work.reading() as uow:
        assert "Step 2" in uow.deployments.find_build_logs("adder", "0.0.1")


def test_a_job_that_crashes_fails_at_once_with_its_last_words(platform):
    platform.instances.crash_message = "exit code 1: ImportError: numpy"

    deployment = platform.deploy()

    assert "ImportError: numpy" in deployment.error
    assert platform.job() is None
    assert platform.instances.running == {}
    assert platform.clock.sleeps == []


def test_a_job_that_raises_while_loading_fails_with_its_error_and_log(platform):
    platform.monitor.logs = "Traceback\nValueError: no model"
    platform.instances.answers["/live"] = lambda _: httpx.Response(
        500, json={"live": False, "error": "no model"}
    )

    error = platform.deploy().error

    assert "Job initialization error: no model" in error
    assert "Last log lines:\n  Traceback\n  ValueError: no model" in error


def test_a_job_that_never_gets_ready_fails_after_its_time(platform):
    platform.instances.answers["/ready"] = lambda _: httpx.Response(500, json={"ready": False})

    deployment = platform.deploy()

    assert "did not get ready within 600 s" in deployment.error
    assert deployment.phase == "initializing Job entrypoint"


def test_an_instance_that_answers_for_another_deployment_is_waited_for(platform):
    platform.instances.answers["/live"] = lambda _: httpx.Response(
        200, json={"live": True, "deployment_timestamp": "1"}
    )

    assert "did not answer at /live within 900 s" in platform.deploy().error


def test_a_job_without_live_is_refused(platform):
    platform.instances.answers["/live"] = lambda _: httpx.Response(404)

    assert "answers 404 at /live" in platform.deploy().error


@pytest.fixture
def failing_example(platform):
    answers = platform.instances.answers
    answers["/api/v1/examples"] = lambda _: httpx.Response(200, json={"/api/v1/perform": {}})
    answers["/api/v1/perform"] = lambda _: httpx.Response(
        400, text="numbers is missing " + "x" * 999
    )


@pytest.mark.usefixtures("failing_example")
def test_a_failed_smoke_test_leaves_the_old_version_serving(platform):
    answers = dict(platform.instances.answers)
    platform.instances.answers.clear()
    platform.deploy()
    old = platform.job()
    platform.instances.answers.update(answers)

    deployment = platform.deploy()

    assert deployment.status == DeploymentStatus.FAILED
    assert "POST /api/v1/perform" in deployment.error
    assert "answered 400: numbers is missing" in deployment.error
    assert "smoke_test: false" in deployment.error
    assert len(deployment.error) < 1000
    assert platform.job() == old
    assert list(platform.instances.running) == [platform.serving_id()]


@pytest.mark.usefixtures("failing_example")
@pytest.mark.parametrize(
    "opt_out", [{"smoke_test": False}, {"jobtype_extra": {"smoke_test": False}}]
)
def test_the_manifest_can_opt_out_of_the_smoke_test(platform, opt_out):
    assert platform.deploy(**opt_out).status == DeploymentStatus.DONE


def test_values_of_secrets_are_masked_in_errors_logs_and_warnings(platform):
    platform.instances.crash_message = "cannot connect with hunter22"
    platform.builder.log_lines = ["token=hunter22"]
    secrets = SecretVars(runtime_env={"DB": "hunter22"})

    deployment = platform.deploy(secrets=secrets)

    assert "cannot connect with ***" in deployment.error
    with platform.unit_of_work.reading() as uow:
        assert uow.deployments.find_build_logs("adder", "0.0.1") == "token=***"


def test_a_target_that_can_not_start_fails_the_deployment(platform):
    platform.instances.start_error = InstanceNotStarted("no port is free")

    assert "creating job resource: no port is free" in platform.deploy().error


def test_a_failing_hook_fails_the_deployment_but_the_new_version_serves(platform):
    def on_hook(hook):
        if hook == "post_job_deploy":
            raise RuntimeError("wiki is down")

    platform.plugins.on_hook = on_hook

    deployment = platform.deploy()

    assert "invoking post-deploy actions: wiki is down" in deployment.error
    assert platform.job().status == JobStatus.RUNNING
    assert platform.serving_id() == deployment.id


def test_maintenance_that_begins_meanwhile_stops_the_deployment_before_it_provisions(platform):
    def begin_maintenance():
        with platform.unit_of_work() as uow:
            uow.settings.set("maintenance_mode", True)

    platform.builder.interrupt = begin_maintenance

    assert "maintenance mode" in platform.deploy().error
    assert platform.instances.running == {}


def test_two_jobs_may_not_share_the_name_of_a_resource(platform):
    platform.deploy(name="a", version="1.0.0")

    assert "takes the name" not in (platform.deploy(name="b", version="1.0.0").error or "")
    error = platform.deploy(name="a", version="1.0.0-v").error
    assert error is None
    with platform.unit_of_work() as uow:
        job = platform.job("1.0.0", "a")
        uow.jobs.save(job.model_copy(update={"id": None, "version": "2-0.0"}))
    assert "takes the name job-a-v-2-0-0" in platform.deploy(name="a", version="2.0.0").error


def test_what_could_not_be_stopped_is_tried_again_by_the_reaper(platform):
    platform.instances.crash_message = "boom"
    stop_instance = platform.instances.stop_instance

    def fail(instance_id, grace_seconds):
        raise RuntimeError("engine is down")

    platform.instances.stop_instance = fail
    platform.deploy()
    assert len(platform.instances.running) == 1

    platform.instances.stop_instance = stop_instance
    assert platform.services.reaper.run_once() == 0
    platform.clock.advance(60)
    assert platform.services.reaper.run_once() == 1
    assert platform.instances.running == {}
