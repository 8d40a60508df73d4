import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from lifecycle.deployment.attempt.failure import DeploymentFailed
from lifecycle.domain.audit import AuditFilter
from lifecycle.testing.fakes import FakeInPlace, FakeMonitor, a_target
from racetrack_client.entities import SecretVars
from racetrack_client.log.errors import ValidationError
from racetrack_commons.entities.dto import JobStatus


def test_a_redeployment_builds_the_same_source_with_the_same_secrets(platform):
    platform.deploy(secrets=SecretVars(runtime_env={"DB": "pass-word"}))

    deployment_id = platform.services.existing_jobs.redeploy(platform.job(), platform.deployer)
    platform.services.worker.run_pending()

    assert asyncio.run(platform.services.waiter.wait(deployment_id)).status == "done"
    first, second = platform.builder.payloads
    assert first.build_context == second.build_context
    instance = platform.instances.running[deployment_id]
    assert instance.spec.secret_runtime_env == {"DB": "pass-word"}
    assert platform.audit_events() == ["job_deployed", "job_redeployed"]


def test_a_reprovision_starts_the_image_there_is(platform):
    platform.deploy()
    tag = platform.job().image_tag

    deployment_id = platform.services.existing_jobs.reprovision(platform.job(), platform.deployer)
    platform.services.worker.run_pending()

    assert len(platform.builder.payloads) == 1
    spec = platform.instances.running[deployment_id].spec
    assert spec.image_tag == platform.job().image_tag == tag
    assert spec.image_names == [f"registry.test/adder:{tag}"]
    assert platform.serving_id() == deployment_id
    assert platform.job().job_type_version == "python3:3.0.0"


def test_a_redeployment_after_a_reprovision_still_knows_the_source(platform):
    platform.deploy()
    jobs = platform.services.existing_jobs
    jobs.reprovision(platform.job(), platform.deployer)
    platform.services.worker.run_pending()

    jobs.redeploy(platform.job(), platform.deployer)
    platform.services.worker.run_pending()

    assert platform.builder.payloads[1].build_context is not None


def test_a_failing_redeployment_leaves_the_job_running(platform):
    platform.deploy()
    before = platform.job()
    platform.builder.error = "boom"

    deployment_id = platform.services.existing_jobs.redeploy(before, platform.deployer)
    platform.services.worker.run_pending()

    with pytest.raises(DeploymentFailed, match="boom"):
        asyncio.run(platform.services.waiter.wait(deployment_id))
    assert platform.job() == before


def test_requests_that_wait_hold_no_thread(platform):
    platform.deploy()
    deployment_id = platform.services.existing_jobs.redeploy(platform.job(), platform.deployer)

    async def wait_many_times():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        waiting = [
            asyncio.create_task(platform.services.waiter.wait(deployment_id)) for _ in range(50)
        ]
        await asyncio.to_thread(platform.services.worker.run_pending)
        return await asyncio.gather(*waiting)

    assert {each.status for each in asyncio.run(wait_many_times())} == {"done"}


def test_lost_jobs_are_started_again(platform):
    platform.deploy()
    with platform.unit_of_work() as uow:
        uow.jobs.save(platform.job().model_copy(update={"status": JobStatus.LOST}))

    (deployment_id,) = platform.services.existing_jobs.reconcile()
    platform.services.worker.run_pending()

    assert platform.job().status == JobStatus.RUNNING
    assert platform.deployment(deployment_id).deployed_by == "racetrack"


def move(platform, target="engine"):
    deployment_id = platform.services.existing_jobs.move(platform.job(), target, platform.deployer)
    platform.services.worker.run_pending()
    return platform.deployment(deployment_id)


def drain(platform):
    platform.clock.advance(60)
    platform.services.reaper.run_once()


def test_a_moved_job_serves_on_the_new_target_and_then_ends_on_the_old_one(platform):
    platform.deploy(secrets=SecretVars(runtime_env={"DB": "pass-word"}))
    engine, old = platform.add_target("engine"), platform.serving_id()

    deployment = move(platform)

    assert (deployment.status, deployment.error, deployment.phase) == ("done", None, None)
    assert platform.job().infrastructure_target == "engine"
    assert platform.job().internal_name == "job-0.engine:7000"
    assert deployment.image_name == f"registry.test/adder:{platform.job().image_tag}"
    assert engine.running[deployment.id].spec.secret_runtime_env == {"DB": "pass-word"}
    assert engine.secrets["adder", "0.0.1"].secret_runtime_env == {"DB": "pass-word"}
    assert platform.instances.stopped == []
    drain(platform)
    assert platform.instances.stopped == [old]


def test_a_move_is_audited_and_told_to_plugins(platform):
    platform.deploy()
    platform.add_target("engine")

    move(platform)

    assert platform.audit_events() == ["job_deleted", "job_deployed", "job_deployed", "job_moved"]
    with platform.unit_of_work.reading() as uow:
        moved = next(e for e in uow.audit.list_newest(AuditFilter()) if e.event_type == "job_moved")
    assert moved.properties == {
        "before": {"infrastructure_target": "process"},
        "after": {"infrastructure_target": "engine"},
    }
    assert platform.plugins.hooks[-2:] == ["post_job_deploy", "post_job_delete"]


def test_a_job_is_built_again_for_a_target_that_runs_other_images(platform):
    platform.deploy()
    platform.add_target("engine", image_kind="docker")

    assert move(platform).error is None

    first, second = platform.builder.payloads
    assert second.build_context == first.build_context
    assert second.image_kind == "docker"
    assert second.job_type_version is None
    assert platform.job().infrastructure_target == "engine"


def test_a_job_that_does_not_work_on_the_new_target_stays_where_it_is(platform):
    platform.deploy()
    engine, before = platform.add_target("engine"), platform.job()
    engine.answers["/ready"] = lambda _: httpx.Response(404, json={})

    assert move(platform).status == "failed"

    assert platform.job() == before
    assert engine.running == {}
    drain(platform)
    assert platform.instances.stopped == []


def test_a_job_whose_secrets_can_not_be_read_stays_where_it_is(platform):
    platform.deploy()
    platform.add_target("engine")
    before = platform.job()

    def fail(*_):
        raise RuntimeError("engine is down")

    platform.instances.get_job_secrets = fail
    with pytest.raises(RuntimeError, match="engine is down"):
        move(platform)

    assert platform.job() == before


def test_a_former_target_that_is_away_is_cleared_later(platform):
    platform.deploy()
    platform.add_target("engine")
    stop_instance, old = platform.instances.stop_instance, platform.serving_id()

    def fail(*_):
        raise RuntimeError("engine is down")

    platform.instances.stop_instance = fail
    assert move(platform).status == "done"
    drain(platform)
    assert platform.job().status == JobStatus.RUNNING

    platform.instances.stop_instance = stop_instance
    drain(platform)
    assert platform.instances.stopped == [old]


def test_a_job_leaves_a_target_of_an_older_plugin(platform):
    old_style = FakeInPlace()
    platform.targets["process"] = a_target(old_style, FakeMonitor())
    platform.deploy()
    platform.add_target("engine")

    assert move(platform).error is None
    drain(platform)

    assert old_style.deleted == [("adder", "0.0.1")]


@pytest.mark.parametrize(
    ("target", "message"), [("", "name the"), ("process", "is on"), ("x", "no inf")]
)
def test_a_senseless_move_is_refused(platform, target, message):
    platform.deploy()

    with pytest.raises(ValidationError, match=message):
        platform.services.existing_jobs.move(platform.job(), target, platform.deployer)
