import pytest
from lifecycle.database.tables.auth import PermissionRow
from lifecycle.job.graph import make_graph
from racetrack_client.entities import AuthScope
from racetrack_commons.testing.builders import a_job


@pytest.fixture
def world(uow):
    """Two families with a subject each, and an ESC."""
    jobs = {
        name: uow.jobs.save(a_job(name, version)).model_copy(update={"pub_url": f"https://{name}"})
        for name, version in (("adder", "0.0.1"), ("other", "0.0.1"))
    }
    esc = uow.auth_subjects.get_or_add_of_esc(uow.escs.add("shop", "esc-1").id)
    family = uow.auth_subjects.get_or_add_of_family(uow.families.get("adder").id)
    return jobs, esc, family


def edges(uow, jobs):
    return [(edge.from_id, edge.to_id) for edge in make_graph(uow, jobs.values()).edges]


def test_nodes_are_all_escs_and_the_families_of_visible_jobs(uow, world):
    jobs, *_ = world
    uow.families.get_or_add("without-jobs")

    nodes = make_graph(uow, [*jobs.values(), a_job("adder", "0.0.2")]).nodes

    assert [node.model_dump(mode="json") for node in nodes] == [
        {
            "id": "esc-esc-1",
            "type": "esc",
            "title": "shop",
            "subtitle": "External service consumer\nesc-1",
        },
        {
            "id": "job-family-adder",
            "type": "job-family",
            "title": "adder",
            "subtitle": "Job family\nadder 0.0.1 https://adder\nadder 0.0.2 None",
        },
        {
            "id": "job-family-other",
            "type": "job-family",
            "title": "other",
            "subtitle": "Job family\nother 0.0.1 https://other",
        },
    ]


def test_a_permission_on_a_family_is_an_edge(uow, world):
    jobs, esc, family = world
    other = uow.families.get("other").id
    uow.permissions.grant(esc.id, AuthScope.CALL_JOB, job_family_id=other)
    uow.permissions.grant(family.id, AuthScope.FULL_ACCESS, job_family_id=other)

    assert edges(uow, jobs) == [
        ("esc-esc-1", "job-family-other"),
        ("job-family-adder", "job-family-other"),
    ]


def test_a_permission_on_a_job_or_an_endpoint_is_an_edge(uow, world):
    jobs, esc, family = world
    uow.permissions.grant(esc.id, AuthScope.CALL_JOB, job_id=jobs["other"].id)
    row = PermissionRow(
        auth_subject_id=family.id, scope="call_job", job_id=jobs["other"].id, endpoint="/x"
    )
    uow.session.add(row)
    uow.session.flush()

    assert [to for _, to in edges(uow, jobs)] == ["job-family-other"] * 2


def test_a_permission_on_everything_reaches_every_family(uow, world):
    jobs, esc, _ = world
    uow.permissions.grant(esc.id, AuthScope.CALL_JOB)

    assert edges(uow, jobs) == [
        ("esc-esc-1", "job-family-adder"),
        ("esc-esc-1", "job-family-other"),
    ]


def test_other_scopes_and_jobs_that_are_not_visible_make_no_edge(uow, world):
    jobs, esc, family = world
    uow.permissions.grant(esc.id, AuthScope.READ_JOB)
    hidden = jobs.pop("other")
    uow.permissions.grant(esc.id, AuthScope.CALL_JOB, job_id=hidden.id)
    uow.permissions.grant(family.id, AuthScope.CALL_JOB, job_family_id=uow.families.get("other").id)

    assert edges(uow, jobs) == []
