"""Replaced instances: their calls run to `drain_seconds`, and no longer."""

import pytest
from lifecycle.domain.instance import InstanceState
from racetrack_commons.clock import Clock

DRAIN_SECONDS = 10
"""The platform's setting in these tests."""


@pytest.fixture
def replaced(platform):
    """Deploys twice, with these keys of the manifest the first time; returns the id of the old, busy instance."""

    def replace(**manifest):
        platform.deploy(**manifest)
        old = platform.serving_id()
        platform.instances.busy.add(old)
        platform.deploy()
        return old

    return replace


def look(platform, seconds_later=0):
    platform.clock.advance(seconds_later)
    platform.services.reaper.run_once()


def test_an_instance_with_calls_is_asked_to_end_and_left_alone(platform, replaced):
    old = replaced()

    look(platform)
    assert platform.instances.asked_to_end == []
    look(platform, DRAIN_SECONDS)
    look(platform, 500)

    assert platform.instances.asked_to_end == [old], "it is asked once"
    assert platform.instances.stopped == []
    with platform.unit_of_work.reading() as uow:
        assert uow.instances.get(old).state == InstanceState.ENDING


def test_it_goes_when_its_last_call_has_ended(platform, replaced):
    old = replaced()
    look(platform, DRAIN_SECONDS)

    platform.instances.busy.clear()
    look(platform, 1)

    assert platform.instances.stopped == [old]


@pytest.mark.parametrize(("manifest", "seconds"), [({}, 600), ({"drain_seconds": 30}, 30)])
def test_it_is_stopped_when_its_time_is_over(platform, replaced, manifest, seconds):
    old = replaced(**manifest)
    look(platform, DRAIN_SECONDS)

    look(platform, seconds - 1)
    assert platform.instances.stopped == []
    look(platform, 1)

    assert platform.instances.stopped == [old]


def test_a_job_that_wants_no_time_gets_none(platform, replaced):
    old = replaced(drain_seconds=0)

    look(platform)

    assert platform.instances.stopped == [old]


def test_the_time_of_an_instance_is_that_of_its_own_manifest_after_a_rollback(platform):
    platform.deploy()
    platform.deploy(drain_seconds=40, runtime_env={"A": "2"})
    old = platform.serving_id()
    platform.instances.busy.add(old)
    platform.services.rollback.roll_back(platform.job(), platform.deployer)
    platform.services.worker.run_pending()
    look(platform, DRAIN_SECONDS)

    look(platform, 40)

    assert old in platform.instances.stopped


def test_another_service_goes_on_with_what_a_killed_one_began(platform, replaced):
    old = replaced()
    look(platform, DRAIN_SECONDS)

    platform.services = platform.make_worker()
    look(platform, 1)
    assert platform.instances.stopped == []
    platform.instances.busy.clear()
    look(platform, 1)

    assert platform.instances.stopped == [old]


def test_deleting_a_job_ends_its_instances_at_once_whatever_they_do(platform, replaced):
    replaced()

    platform.services.deleter.delete(platform.job(), platform.deployer)

    assert platform.instances.running == {}


def test_an_instance_that_is_removed_meanwhile_does_not_come_back(unit_of_work):
    with unit_of_work() as uow:
        uow.instances.mark_ending("gone", Clock().now())
        assert uow.instances.find("gone") is None
