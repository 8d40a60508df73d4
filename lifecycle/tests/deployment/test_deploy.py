import httpx
from lifecycle.database.repositories.deployment_tasks import TaskStep
from racetrack_commons.entities.dto import DeploymentStatus, DeployPayload, JobStatus, SecretVars


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
    assert instance.spec.runtime_env == {"BUILD": "", "PIP_TOKEN": "", "LEVEL": "1"}
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
    assert paths[-2:] == ["/api/v1/perform", "/api/v1/explain"]


def test_a_build_alone_deploys_nothing(platform):
    content = {
        "name": "adder", "version": "0.0.1", "owner_email": "a@example.com",
        "jobtype": "python3:latest", "git": {"remote": "https://example.com/adder"},
    }  # fmt: skip
    deployment_id = platform.services.submitter.build(
        DeployPayload(manifest=content), platform.deployer
    )
    platform.services.worker.run_pending()

    deployment = platform.deployment(deployment_id)
    assert (deployment.status, platform.job()) == ("done", None)
    assert deployment.image_name.startswith("registry.test/adder:")
    assert platform.instances.running == {}
