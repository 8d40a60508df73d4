from datetime import timedelta

import httpx
import pytest
from lifecycle.deployment.attempt.attempt import Attempt
from lifecycle.deployment.requests.enqueue import DeploymentInProgress
from lifecycle.deployment.requests.rollback import NothingToRollBackTo
from lifecycle.deployment.upkeep.retention import Retention, forget_old_rows
from lifecycle.domain.audit import AuditFilter
from lifecycle.domain.deployment import TaskStep
from lifecycle.maintenance import UnderMaintenance, set_maintenance_mode
from racetrack_client.entities import SecretVars
from racetrack_client.log.errors import EntityNotFound

RETENTION = Retention(5, async_calls=timedelta(hours=4))


def roll_back(platform, deployment_id=None):
    started = platform.services.rollback.roll_back(platform.job(), platform.deployer, deployment_id)
    platform.services.worker.run_pending()
    platform.clock.advance(1)
    return started


def check_is_not_restored(platform, deployment_id):
    platform.deploy()
    with pytest.raises(NothingToRollBackTo):
        roll_back(platform, deployment_id)


def test_a_rollback_brings_back_image_manifest_and_secrets_without_a_build(platform):
    first = platform.deploy(secrets=SecretVars(runtime_env={"KEY": "first"}), replicas=2)
    before = platform.job()
    platform.deploy(secrets=SecretVars(runtime_env={"KEY": "second"}))

    started = roll_back(platform)

    assert started.restored_deployment_id == first.id
    assert platform.deployment(started.deployment_id).error is None
    assert platform.serving_id() == started.deployment_id
    job, spec = platform.job(), platform.instances.running[started.deployment_id].spec
    assert (job.image_tag, job.manifest_yaml) == (before.image_tag, before.manifest_yaml)
    assert (spec.manifest.replicas, spec.secret_runtime_env) == (2, {"KEY": "first"})
    assert spec.image_names == [f"registry.test/adder:{before.image_tag}"]
    assert platform.instances.secrets["adder", "0.0.1"].secret_runtime_env == {"KEY": "first"}
    assert len(platform.builder.payloads) == 2


def test_a_rollback_is_audited_with_both_images(platform):
    platform.deploy()
    old = platform.job()
    platform.deploy()
    new = platform.job()

    roll_back(platform)

    with platform.unit_of_work.reading() as uow:
        events = uow.audit.list_newest(AuditFilter())
    event = next(each for each in events if each.event_type == "job_rolled_back")
    assert event.properties == {
        "before": {"image_tag": new.image_tag},
        "after": {"image_tag": old.image_tag},
    }


def test_each_further_rollback_goes_further_back(platform):
    first, second = platform.deploy(), platform.deploy()
    platform.deploy()

    assert roll_back(platform).restored_deployment_id == second.id
    assert roll_back(platform).restored_deployment_id == first.id
    with pytest.raises(NothingToRollBackTo):
        roll_back(platform)


def test_without_a_way_back_another_version_is_named(platform):
    platform.deploy()
    with pytest.raises(NothingToRollBackTo, match=r"deploy what you want to go back to$"):
        roll_back(platform)
    platform.deploy(version="0.0.0")

    with pytest.raises(
        NothingToRollBackTo, match=r"`racetrack rollback adder --to 0\.0\.0` points"
    ):
        roll_back(platform)


def test_the_deployment_that_serves_is_not_offered(platform):
    first, serving = platform.deploy(), platform.deploy()

    with pytest.raises(NothingToRollBackTo, match=f"those that can: {first.id}$") as refused:
        roll_back(platform, "nonsense")

    assert serving.id not in str(refused.value)


def test_what_runs_the_same_is_not_gone_back_to(platform):
    first = platform.deploy()
    platform.deploy()
    platform.services.existing_jobs.reprovision(platform.job(), platform.deployer)
    platform.services.worker.run_pending()

    assert roll_back(platform).restored_deployment_id == first.id


def test_failed_deployments_are_not_gone_back_to(platform):
    first = platform.deploy()
    platform.builder.error = "boom"
    platform.deploy()
    platform.builder.error = None
    platform.deploy()

    assert roll_back(platform).restored_deployment_id == first.id


def test_a_job_goes_forward_again_by_the_id_of_the_deployment(platform):
    platform.deploy()
    newest = platform.deploy()
    tag = platform.job().image_tag
    roll_back(platform)

    roll_back(platform, newest.id)

    assert platform.job().image_tag == tag


def test_a_redeployment_after_a_rollback_builds_the_source_of_old(platform):
    platform.deploy()
    platform.deploy()
    roll_back(platform)
    platform.clock.advance(7200)
    with platform.unit_of_work() as uow:
        forget_old_rows(uow, platform.clock.now(), RETENTION)

    platform.services.existing_jobs.redeploy(platform.job(), platform.deployer)
    platform.services.worker.run_pending()

    assert platform.builder.payloads[2].build_context == platform.builder.payloads[0].build_context


def test_a_job_with_one_deployment_has_nothing_to_go_back_to(platform):
    platform.deploy()

    with pytest.raises(NothingToRollBackTo, match="no earlier deployment"):
        roll_back(platform)
    with pytest.raises(NothingToRollBackTo, match="those that can: none"):
        roll_back(platform, "nonsense")


def test_other_jobs_are_not_gone_back_to(platform):
    other = platform.deploy(version="0.0.2")

    check_is_not_restored(platform, other.id)


def test_a_failing_rollback_leaves_the_job_as_it_is(platform):
    platform.deploy()
    platform.deploy()
    before = platform.job()
    platform.instances.answers["/ready"] = lambda _: httpx.Response(404, json={})

    started = roll_back(platform)

    assert platform.deployment(started.deployment_id).status == "failed"
    assert platform.job() == before


def test_a_rollback_survives_the_death_of_its_worker(platform):
    platform.deploy()
    tag = platform.job().image_tag
    platform.deploy()
    platform.services.rollback.roll_back(platform.job(), platform.deployer)
    claim = platform.services.worker.claim()
    steps = platform.services.worker._runner.steps
    attempt = Attempt.begin(claim, platform.services.rollback.core.secret_box)
    assert steps[TaskStep.PROVISION].carry_out(attempt) == TaskStep.SWITCH

    platform.clock.advance(15)
    platform.make_worker().worker.run_pending()

    assert platform.job().image_tag == tag
    assert platform.serving_id() == claim.deployment_id


def test_a_moved_job_is_rolled_back_where_it_is(platform):
    platform.deploy()
    platform.deploy()
    engine = platform.add_target("engine")
    platform.services.existing_jobs.move(platform.job(), "engine", platform.deployer)
    platform.services.worker.run_pending()

    started = roll_back(platform)

    assert started.deployment_id in engine.running
    assert platform.job().infrastructure_target == "engine"


def move(platform, target):
    platform.services.existing_jobs.move(platform.job(), target, platform.deployer)
    platform.services.worker.run_pending()
    platform.clock.advance(1)


def test_a_job_that_was_moved_to_other_images_is_rolled_back_to_where_it_was(platform):
    first = platform.deploy(runtime_env={"A": "1"})
    platform.deploy(runtime_env={"A": "2"})
    platform.add_target("engine", image_kind="docker")
    move(platform, "engine")

    assert roll_back(platform).restored_deployment_id == first.id
    assert platform.job().infrastructure_target == "process"


def test_moving_a_job_is_nothing_to_go_back_from(platform):
    platform.deploy()
    platform.add_target("engine", image_kind="docker")
    move(platform, "engine")
    platform.services.existing_jobs.reprovision(platform.job(), platform.deployer)
    platform.services.worker.run_pending()

    with pytest.raises(NothingToRollBackTo):
        roll_back(platform)


def test_what_ran_on_the_present_target_is_preferred(platform):
    platform.deploy(runtime_env={"A": "1"})
    platform.add_target("engine", image_kind="docker")
    move(platform, "engine")
    moved = platform.serving_id()
    platform.deploy(runtime_env={"A": "2"}, infrastructure_target="engine")

    assert roll_back(platform).restored_deployment_id == moved
    assert platform.job().infrastructure_target == "engine"


def test_old_deployments_lose_their_secrets_and_can_not_be_restored(platform):
    deployments = [platform.deploy() for _ in range(4)]
    platform.deploy(version="0.0.2")
    with platform.unit_of_work() as uow:
        forget_old_rows(uow, platform.clock.now(), Retention(2, async_calls=timedelta()))
        kept = [
            task.deployment_id for task in uow.deployment_tasks.list_restorable("adder", "0.0.1")
        ]
        others = uow.deployment_tasks.list_restorable("adder", "0.0.2")

    assert kept == [deployments[3].id, deployments[2].id]
    assert len(others) == 1


def test_a_deleted_job_leaves_no_secrets_and_is_not_restored(platform):
    deployed = platform.deploy()
    job = platform.job()
    platform.services.deleter.delete(job, platform.deployer)

    with platform.unit_of_work.reading() as uow:
        assert uow.deployment_tasks.get(deployed.id).secrets is None
    with pytest.raises(EntityNotFound):
        platform.services.rollback.roll_back(job, platform.deployer)
    check_is_not_restored(platform, deployed.id)


def test_a_job_that_is_being_deployed_or_maintained_is_not_rolled_back(platform):
    platform.deploy()
    platform.deploy()
    platform.submit()
    with pytest.raises(DeploymentInProgress):
        platform.services.rollback.roll_back(platform.job(), platform.deployer)

    with platform.unit_of_work() as uow:
        set_maintenance_mode(uow, on=True)
    with pytest.raises(UnderMaintenance):
        platform.services.rollback.roll_back(platform.job(), platform.deployer)
