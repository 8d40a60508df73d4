"""Deployments whose image disappeared: they build it again."""

import asyncio

import pytest
from lifecycle.deployer.instances import ImageGone
from lifecycle.deployment.attempt.secrets import SecretsLost
from lifecycle.testing.fakes import FakeInPlace, FakeMonitor, a_target


@pytest.fixture
def lose_image(platform):
    """Lets the target miss the image, until it is built again or for good."""

    def lose(for_good=False):
        platform.instances.start_error = ImageGone("image 1 is gone")
        if not for_good:
            platform.builder.interrupt = lambda: setattr(platform.instances, "start_error", None)

    return lose


def run(platform, deployment_id):
    platform.services.worker.run_pending()
    platform.clock.advance(1)
    return platform.deployment(deployment_id)


def roll_back(platform):
    started = platform.services.rollback.roll_back(platform.job(), platform.deployer)
    return run(platform, started.deployment_id)


def reprovision(platform):
    jobs = platform.services.existing_jobs
    return run(platform, jobs.reprovision(platform.job(), platform.deployer))


def test_a_rollback_builds_the_image_from_the_same_source(platform, lose_image):
    platform.deploy(runtime_env={"A": "1"})
    before = platform.job()
    platform.deploy(runtime_env={"A": "2"})
    lose_image()

    done = roll_back(platform)

    assert (done.status, done.error) == ("done", None)
    assert done.warnings == "image 1 is gone: it is built again from the same source"
    job = platform.job()
    assert (job.image_tag, job.manifest_yaml) == (before.image_tag, before.manifest_yaml)
    first, _, again = platform.builder.payloads
    assert again == first.model_copy(
        update={"deployment_id": done.id, "job_type_version": "python3:3.0.0"}
    )


def test_the_next_rollback_goes_further_back(platform, lose_image):
    first = platform.deploy(runtime_env={"A": "1"})
    platform.deploy(runtime_env={"A": "2"})
    platform.deploy(runtime_env={"A": "3"})
    lose_image()
    roll_back(platform)

    started = platform.services.rollback.roll_back(platform.job(), platform.deployer)

    assert started.restored_deployment_id == first.id


def test_a_job_from_a_repository_is_built_as_that_is_now(platform, lose_image):
    platform.deploy(from_git=True)
    old_tag = platform.job().image_tag
    lose_image()

    done = reprovision(platform)

    assert (done.status, done.error) == ("done", None)
    assert "it is built again from https://example.com/adder as it is now" in done.warnings
    assert platform.job().image_tag != old_tag, "another content, another name"


def test_a_rollback_does_not_bring_another_state_of_a_repository(platform, lose_image):
    platform.deploy(from_git=True, runtime_env={"A": "1"})
    platform.deploy(from_git=True, runtime_env={"A": "2"})
    before = platform.job()
    lose_image()

    failed = roll_back(platform)

    assert failed.status == "failed"
    assert "image 1 is gone, and https://example.com/adder may have changed" in failed.error
    assert "Hint: deploy the job from the commit" in failed.error
    assert platform.job() == before


def test_an_image_that_is_still_not_found_is_not_built_over_and_over(platform, lose_image):
    platform.deploy()
    lose_image(for_good=True)

    failed = reprovision(platform)

    assert failed.error.startswith("creating job resource: image 1 is gone")
    assert "redeploy the job" in failed.error
    assert len(platform.builder.payloads) == 2


def test_a_lost_job_comes_back_though_its_image_is_gone(platform, lose_image):
    platform.deploy()
    with platform.unit_of_work() as uow:
        uow.jobs.save(platform.job().model_copy(update={"status": "lost"}))
    lose_image()

    (deployment_id,) = platform.services.existing_jobs.reconcile()

    assert run(platform, deployment_id).status == "done"
    assert platform.job().status == "running"


def test_a_target_of_an_older_plugin_is_replaced_in_place(platform):
    old_style = FakeInPlace()
    platform.targets["process"] = a_target(old_style, FakeMonitor())
    assert platform.deploy().status == "done"
    assert platform.deploy().status == "done"

    platform.clock.advance(10)
    platform.services.reaper.run_once()

    assert platform.job().internal_name == "old-plugin.test:7000"
    assert old_style.deleted == []
    platform.services.deleter.delete(platform.job(), platform.deployer)
    assert old_style.deleted == [("adder", "0.0.1")]


def test_a_target_that_keeps_no_secrets_does_what_needs_none(platform):
    platform.targets["process"] = a_target(FakeInPlace(), FakeMonitor())
    platform.deploy()

    deployment_id = platform.services.existing_jobs.reprovision(platform.job(), platform.deployer)
    platform.services.worker.run_pending()

    assert asyncio.run(platform.services.waiter.wait(deployment_id)).status == "done"


def test_a_job_whose_target_lost_its_secrets_is_not_started_without_them(platform):
    platform.targets["process"] = a_target(FakeInPlace(), FakeMonitor())
    platform.deploy(secret_runtime_env_file="secrets.env")

    with pytest.raises(RuntimeError, match="does not know the secrets of job adder") as caught:
        platform.services.existing_jobs.redeploy(platform.job(), platform.deployer)
    assert isinstance(caught.value.__cause__, SecretsLost)


def test_a_failed_first_deployment_is_removed_from_a_target_of_an_older_plugin(platform):
    old_style, monitor = FakeInPlace(), FakeMonitor()
    monitor.error = RuntimeError("not healthy")
    platform.targets["process"] = a_target(old_style, monitor)

    assert "verifying deployed job: not healthy" in platform.deploy().error
    assert old_style.deployed == {}
    assert platform.job() is None


def test_a_failed_replacement_in_place_keeps_the_job_in_the_registry(platform):
    old_style, monitor = FakeInPlace(), FakeMonitor()
    platform.targets["process"] = a_target(old_style, monitor)
    platform.deploy()
    monitor.error = RuntimeError("not healthy")

    platform.deploy()

    assert platform.job() is not None
    assert old_style.deleted == []


def test_secrets_are_saved_once_before_the_job_is_replaced(platform):
    class Keeping(FakeInPlace):
        calls = []

        def save_job_secrets(self, job_name, job_version, job_secrets):
            self.calls.append("save")

        def deploy_job(self, **values):
            self.calls.append("deploy")
            return super().deploy_job(**values)

    platform.targets["process"] = a_target(Keeping(), FakeMonitor())

    platform.deploy()

    assert Keeping.calls == ["save", "deploy"]


def test_ceilings_of_threads_reach_the_jobs_of_every_target_and_yield_to_the_manifest(platform):
    class Remembering(FakeInPlace):
        variables = {}

        def deploy_job(self, **values):
            Remembering.variables = values["runtime_env_vars"]
            return super().deploy_job(**values)

    wanted = {
        "resources": {"cpu_max": "1500m"},
        "runtime_env": {"MKL_NUM_THREADS": "8"},
        "build_env": {"OMP_NUM_THREADS": "16"},
    }
    deployment = platform.deploy(**wanted)
    side_by_side = platform.instances.running[deployment.id].spec.runtime_env
    platform.targets["process"] = a_target(Remembering(), FakeMonitor())
    platform.deploy(**wanted)

    for variables in (side_by_side, Remembering.variables):
        assert variables["OPENBLAS_NUM_THREADS"] == variables["OMP_NUM_THREADS"] == "2"
        assert variables["MKL_NUM_THREADS"] == "8"
