import httpx
import pytest
from lifecycle.deployer.instances import InstanceNotStarted
from racetrack_commons.entities.dto import DeploymentStatus, JobStatus, SecretVars


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
