"""The alias `latest` after a rollback to an earlier version: until when it means that one."""

import pytest
from lifecycle.job.version_pins import LatestPins
from lifecycle.job.versions import find_job, find_job_to_call
from racetrack_client.log.errors import ValidationError
from racetrack_commons.entities.audit import AuditEventType


@pytest.fixture
def family(platform):
    for version in ("1.0.0", "1.1.0", "2.0.0-beta"):
        platform.deploy(version)
    return platform


def pin(platform, version):
    with platform.unit_of_work() as uow:
        LatestPins(uow, "anna", platform.clock.now()).pin(platform.job(version))


def meant(platform, alias="latest"):
    with platform.unit_of_work.reading() as uow:
        found = find_job(uow, "adder", alias)
        assert found == find_job_to_call(uow, "adder", alias)
        return found.version if found else None


def test_aliases_that_match_the_pinned_version_mean_it(family):
    assert meant(family) == "1.1.0"

    pin(family, "1.0.0")

    assert [meant(family, alias) for alias in ("latest", "1.x", "1.1.x")] == [
        "1.0.0",
        "1.0.0",
        "1.1.0",
    ]
    assert AuditEventType.LATEST_MOVED in family.audit_events()


def test_gateways_learn_of_a_pin(family):
    with family.unit_of_work.reading() as uow:
        before = uow.changes.get_newest_id()

    pin(family, "1.0.0")
    pin(family, "1.0.0")

    with family.unit_of_work.reading() as uow:
        told = [(change.kind, change.subject) for change in uow.changes.list_after(before)]
    assert told == [("job", "adder"), ("audit", None)]


@pytest.mark.parametrize(
    ("deployed", "latest"),
    [
        ("1.2.0", "1.2.0"),
        ("1.1.0", "1.1.0"),
        ("1.0.1", "1.0.1"),
        ("1.0.0", "1.0.0"),
        ("0.9.0", "1.0.0"),
        ("2.0.0-rc1", "1.0.0"),
    ],
)
def test_the_next_deployment_of_a_later_version_is_the_latest(family, deployed, latest):
    pin(family, "1.0.0")

    family.deploy(deployed)

    assert meant(family) == latest


def test_a_pin_that_a_higher_version_released_does_not_come_back(family):
    pin(family, "1.0.0")
    family.deploy("1.2.0")

    family.services.deleter.delete(family.job("1.2.0"), family.deployer)

    assert meant(family) == "1.1.0"


def test_redeployments_and_failed_deployments_leave_the_pin_alone(family):
    pin(family, "1.0.0")
    jobs = family.services.existing_jobs
    jobs.redeploy(family.job("1.1.0"), family.deployer)
    family.services.worker.run_pending()
    family.instances.crash_message = "boom"
    family.deploy("1.3.0")

    assert meant(family) == "1.0.0"


def test_deleting_the_pinned_version_releases_the_aliases(family):
    pin(family, "1.0.0")

    family.services.deleter.delete(family.job("1.0.0"), family.deployer)
    assert meant(family) == "1.1.0"
    family.deploy("1.0.0")

    assert meant(family) == "1.1.0"


def test_a_pin_is_released_by_hand(family):
    pin(family, "1.0.0")

    with family.unit_of_work() as uow:
        LatestPins(uow, "anna", family.clock.now()).release(family.job("1.0.0"))

    assert meant(family) == "1.1.0"


def test_unstable_versions_are_called_by_their_names(family):
    with pytest.raises(ValidationError, match=r"2\.0\.0-beta has no stable version"):
        pin(family, "2.0.0-beta")
