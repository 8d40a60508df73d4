import pytest
from lifecycle.deployment.attempt.secrets import SecretsLost
from lifecycle.testing.fakes import FakeInPlace, FakeMonitor, a_target


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

    assert platform.services.waiter.wait(deployment_id).status == "done"


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
