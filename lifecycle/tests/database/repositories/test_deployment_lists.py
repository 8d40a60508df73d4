"""Pages of deployments and of the audit log, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from lifecycle.audit import AuditEvent, write_event
from lifecycle.auth.authenticate import make_subject
from lifecycle.auth.authorize import get_sight, list_visible_deployments
from lifecycle.domain.audit import AuditFilter
from lifecycle.domain.auth import Sight
from lifecycle.domain.listed_deployments import WantedDeployments
from lifecycle.domain.listed_jobs import Page
from racetrack_client.entities import AuthScope
from racetrack_commons.entities.audit import AuditEventType
from racetrack_commons.entities.dto import DeploymentStatus
from racetrack_commons.entities.list_orders import DeploymentOrder
from racetrack_commons.testing.builders import a_deployment, a_job

EVERYTHING = Sight(AuthScope.READ_JOB, is_complete=True)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
STATUSES = [DeploymentStatus.DONE, DeploymentStatus.FAILED, DeploymentStatus.IN_PROGRESS]


@pytest.fixture
def deployments(uow):
    """Six deployments of two jobs, each of which is a second older than the one before."""
    added = []
    for number in range(6):
        name = "a-b" if number % 2 else "ab"
        values = {"job_name": name, "status": STATUSES[number % 3], "deployed_by": f"user_{number}"}
        added.append(a_deployment(str(number), **values))
        uow.deployments.add(added[-1], NOW - timedelta(seconds=number))
    return added


def list_ids(uow, page=Page(100), **wanted):  # noqa: B008 - a frozen value
    asked = WantedDeployments(**wanted)
    found = "".join(each.id for each in uow.deployment_lists.list_page(asked, EVERYTHING, page))
    if page.limit == 100:
        assert uow.deployment_lists.count(asked, EVERYTHING) == len(found)
    return found


@pytest.mark.parametrize(
    ("order", "expected"), [("latest", "012345"), ("name", "135024"), ("status", "251403")]
)
def test_deployments_are_sorted_alike_on_both_databases(uow, deployments, order, expected):
    wanted = DeploymentOrder(order)
    assert list_ids(uow, order=wanted) == expected
    pages = [list_ids(uow, Page(2, start), order=wanted, is_reversed=True) for start in (0, 2, 4)]
    assert "".join(pages) == expected[::-1]


def test_deployments_are_searched_in_their_columns(uow, deployments):
    assert list_ids(uow, words=("user_3",)) == "3"
    assert list_ids(uow, words=("a-b", "failed")) == "1"
    assert list_ids(uow, words=("a_b",)) == ""
    assert list_ids(uow, words=("ab0.0.1",)) == ""
    uow.deployments.add(a_deployment("7", deployed_by="Zoë"), NOW)
    assert list_ids(uow, words=("zo",)) == list_ids(uow, words=("zoë",)) == "7"
    assert list_ids(uow, statuses=("done",), deployers=("user_0", "user_1")) == "0"


@pytest.mark.parametrize(
    "limits", [{}, {"family": "ab"}, {"job": "ab"}, {"endpoint": "/x"}, None], ids=str
)
def test_a_page_has_the_deployments_that_the_rules_show(uow, deployments, limits):
    job = uow.jobs.save(a_job("ab"))
    uow.jobs.save(a_job("a-b"))
    subject = uow.auth_subjects.get_or_add_of_esc(uow.escs.add("caller", "esc-1").id)
    own = a_deployment("own", job_name="gone")
    uow.deployments.add(own, NOW, subject.id)
    if limits is not None:
        ids = {"family": ("job_family_id", uow.families.get("ab").id), "job": ("job_id", job.id)}
        granted = dict(ids.get(key, (key, value)) for key, value in limits.items())
        uow.permissions.grant(subject.id, AuthScope.READ_JOB, **granted)
    caller = make_subject(subject)
    sight = get_sight(uow, caller, AuthScope.READ_JOB)

    page = uow.deployment_lists.list_page(WantedDeployments(), sight, Page(100))

    shown = list_visible_deployments(uow, caller, [*deployments, own])
    assert {each.id for each in page} == {each.id for each in shown}
    of_ab = {"0", "2", "4"}
    expected = {str(limits): of_ab for limits in ({"family": "ab"}, {"job": "ab"})}
    expected |= {"{}": {*"012345"}}
    assert {each.id for each in shown} - {"own"} == expected.get(str(limits), set())


def test_a_page_without_manifests_reads_none(uow, deployments):
    (page,) = uow.deployment_lists.list_page(
        WantedDeployments(), EVERYTHING, Page(1), with_manifests=False
    )
    assert page.manifest_yaml == ""


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["2", "1", "0"]),
        ({"is_reversed": True, "limit": 2}, ["0", "1"]),
        ({"offset": 1, "limit": 1}, ["1"]),
        ({"since": NOW + timedelta(seconds=1)}, ["2", "1"]),
        ({"until": NOW + timedelta(seconds=1)}, ["0"]),
        ({"words": ("moved", "ANN")}, ["1"]),
        ({"words": ("%",)}, []),
        ({"event_types": ("job_moved", "job_deleted")}, ["1", "0"]),
        ({"usernames": ("ann", "ben")}, ["1"]),
    ],
    ids=str,
)
def test_the_audit_log_is_filtered_alike_on_both_databases(uow, wanted, expected):
    kinds = [
        AuditEventType.JOB_DELETED,
        AuditEventType.JOB_MOVED,
        AuditEventType.JOB_DEPLOYED,
    ]
    for number, kind in enumerate(kinds):
        owner = "ben" if number == 1 else None
        event = AuditEvent(kind, "Ann" if number == 2 else "ann", owner, job_name=str(number))
        write_event(uow, event, NOW + timedelta(seconds=number))

    asked = AuditFilter(**wanted)

    assert [each.job_name for each in uow.audit.list_newest(asked)] == expected
    if "limit" not in wanted:
        assert uow.audit.count(asked) == len(expected)
