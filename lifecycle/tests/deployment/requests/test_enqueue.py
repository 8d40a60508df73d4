import pytest
from lifecycle.auth.authorize import NotPermitted
from lifecycle.testing.platform import Platform, add_deployer
from racetrack_client.entities import AuthScope


@pytest.fixture
def newcomers(make_platform, unit_of_work):
    """A platform, and two subjects with the scopes of users who registered themselves."""
    platform: Platform = make_platform()
    subjects = [add_deployer(unit_of_work), add_deployer(unit_of_work)]
    with unit_of_work() as uow:
        for subject in subjects:
            uow.permissions.remove(uow.permissions.find(subject.id, AuthScope.DEPLOY_JOB).id)
    return platform, subjects


def test_the_maker_of_a_family_deploys_its_versions_and_others_do_not(newcomers):
    platform, (anna, bob) = newcomers
    platform.deployer = anna
    assert platform.deploy("0.0.1").status == "done"
    assert platform.deploy("0.0.2").status == "done"

    platform.deployer = bob
    for version in ("0.0.2", "0.0.3"):
        with pytest.raises(NotPermitted):
            platform.submit(version)
    assert platform.deploy(name="of-bob").status == "done"


def test_deploying_a_version_of_others_again_gives_no_right_on_its_family(newcomers, unit_of_work):
    platform, (anna, bob) = newcomers
    platform.deployer = anna
    platform.deploy("0.0.1")
    with unit_of_work() as uow:
        for permission in uow.permissions.list_of_subject(anna.id):
            uow.permissions.remove(permission.id)
        job = uow.jobs.get("adder", "0.0.1")
        uow.permissions.grant(bob.id, AuthScope.DEPLOY_JOB, job_id=job.id)

    platform.deployer = bob
    assert platform.deploy("0.0.1", force=True).status == "done"

    with pytest.raises(NotPermitted):
        platform.submit("0.0.2")


def test_who_may_deploy_everything_needs_no_right_on_new_families_where_the_family_is_there(
    newcomers, unit_of_work
):
    platform, (anna, _) = newcomers
    platform.deployer = anna
    with unit_of_work() as uow:
        uow.permissions.remove(uow.permissions.find(anna.id, AuthScope.DEPLOY_NEW_FAMILY).id)
        uow.permissions.grant(anna.id, AuthScope.DEPLOY_JOB)
        uow.families.get_or_add("adder")

    assert platform.deploy().status == "done"


def test_a_first_deployment_that_failed_can_be_tried_again(newcomers):
    platform, (anna, _) = newcomers
    platform.deployer = anna
    platform.instances.crash_message = "boom"
    assert platform.deploy().status == "failed"
    platform.instances.crash_message = None

    assert platform.deploy().status == "done"
