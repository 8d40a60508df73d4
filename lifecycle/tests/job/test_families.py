import pytest
from lifecycle.job.families import is_new_family
from racetrack_client.entities import AuthScope
from racetrack_commons.testing.builders import a_job

DEPLOY = AuthScope.DEPLOY_JOB


def test_a_family_is_new_until_it_has_had_a_job(uow, clock):
    assert is_new_family(uow, "adder")
    uow.families.get_or_add("adder")  # A deployment that failed leaves it.
    assert is_new_family(uow, "adder")

    job = uow.jobs.save(a_job())
    assert not is_new_family(uow, "adder")
    assert is_new_family(uow, "adder", "0.0.1")

    uow.trash.add(job, clock.now())
    uow.jobs.remove("adder", "0.0.1")
    assert not is_new_family(uow, "adder")


@pytest.mark.parametrize("where", ["family", "job", "held by the family"])
def test_a_family_on_which_others_have_rights_is_not_new(uow, where):
    family = uow.families.get_or_add("adder")
    other = uow.auth_subjects.get_or_add_of_esc(uow.escs.add("other", None).id)
    if where == "family":
        uow.permissions.grant(other.id, DEPLOY, job_family_id=family.id)
    elif where == "job":
        uow.permissions.grant(other.id, DEPLOY, job_id=uow.jobs.save(a_job()).id)
    else:
        own = uow.auth_subjects.get_or_add_of_family(family.id)
        uow.permissions.grant(own.id, AuthScope.CALL_JOB)

    assert not is_new_family(uow, "adder", "0.0.1", "deployer")
    assert is_new_family(uow, "adder", "0.0.1", other.id) == (where != "held by the family")
