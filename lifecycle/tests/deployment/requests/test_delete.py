import pytest
from lifecycle.deployment.requests.delete import JobStillRuns
from lifecycle.deployment.requests.enqueue import DeploymentInProgress
from lifecycle.domain.instance import InstanceState
from lifecycle.testing.fakes import FakeInPlace, FakeMonitor, a_target
from racetrack_client.log.errors import EntityNotFound


def test_a_deleted_job_is_stopped_audited_and_in_the_trash(platform):
    platform.deploy()
    instance_id = platform.serving_id()

    platform.services.deleter.delete(platform.job(), platform.deployer)

    assert platform.job() is None
    assert platform.instances.stopped == [instance_id]
    assert platform.audit_events() == ["job_deleted", "job_deployed"]
    assert platform.plugins.hooks[-1] == "post_job_delete"
    with platform.unit_of_work.reading() as uow:
        assert uow.trash.has_job("adder", "0.0.1")
        permissions = uow.permissions.list_of_subject(platform.deployer.id)
        assert [one for one in permissions if one.job_id] == []
        assert uow.job_secrets.find("adder", "0.0.1") is None


def test_a_job_whose_target_is_away_is_deleted_and_stopped_later_and_the_caller_is_told(platform):
    platform.deploy()
    stop_instance = platform.instances.stop_instance

    def fail(*_):
        raise RuntimeError("engine is down")

    platform.instances.stop_instance = fail
    with pytest.raises(JobStillRuns, match=r"adder 0\.0\.1 is deleted here, but target"):
        platform.services.deleter.delete(platform.job(), platform.deployer)
    platform.instances.stop_instance = stop_instance
    platform.clock.advance(60)
    platform.services.reaper.run_once()

    assert platform.job() is None
    assert platform.instances.running == {}


def test_a_target_that_replaces_in_place_deletes_a_job_once_for_all_its_rows(platform):
    target = FakeInPlace()
    platform.targets["process"] = a_target(target, FakeMonitor())
    platform.deploy()
    with platform.unit_of_work() as uow:
        (instance,) = uow.instances.list_of_job("adder", "0.0.1")
        former = {"id": "former", "state": InstanceState.DRAINING}
        uow.instances.save(instance.model_copy(update=former))

    platform.services.deleter.delete(platform.job(), platform.deployer)

    assert target.deleted == [("adder", "0.0.1")]


def test_a_job_of_an_uninstalled_plugin_is_stopped_once_the_plugin_is_back(platform):
    built_in, target = platform.targets["process"], a_target(FakeInPlace(), FakeMonitor())
    platform.targets["process"] = target
    platform.deploy()
    platform.targets["process"] = built_in

    with pytest.raises(JobStillRuns, match="target process could not stop it"):
        platform.services.deleter.delete(platform.job(), platform.deployer)
    platform.clock.advance(60)
    platform.services.reaper.run_once()
    assert target.job_deployer.deployed
    platform.targets["process"] = target
    platform.clock.advance(60)
    platform.services.reaper.run_once()

    assert target.job_deployer.deleted == [("adder", "0.0.1")]
    with platform.unit_of_work.reading() as uow:
        assert uow.instances.list_ids() == set()


def test_a_job_that_is_being_deployed_is_not_deleted(platform):
    platform.deploy()
    platform.submit()

    with pytest.raises(DeploymentInProgress):
        platform.services.deleter.delete(platform.job(), platform.deployer)


def test_a_job_that_is_gone_is_not_deleted_twice(platform):
    platform.deploy()
    job = platform.job()
    platform.services.deleter.delete(job, platform.deployer)

    with pytest.raises(EntityNotFound):
        platform.services.deleter.delete(job, platform.deployer)
