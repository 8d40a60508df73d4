from datetime import UTC, datetime

import pytest
from lifecycle.job.portfolio import rate_jobs
from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.testing.builders import A_TIME, a_job

DAY = 86400
NOW = datetime.fromtimestamp(A_TIME, UTC)


def days_ago(days: float) -> int:
    return A_TIME - int(days * DAY)


def rate(**values):
    (rated,) = rate_jobs([a_job(**values)], NOW)
    return rated.rating


@pytest.mark.parametrize(
    ("values", "score"),
    [
        ({}, 0),
        ({"status": JobStatus.STARTING}, 0),
        ({"status": JobStatus.ERROR}, 20),
        ({"status": JobStatus.LOST}, 50),
        ({"update_time": days_ago(0.9)}, 0),
        ({"update_time": days_ago(1)}, 10),
        ({"update_time": days_ago(40), "last_call_time": days_ago(1)}, 0),
        ({"update_time": days_ago(40), "last_call_time": days_ago(15)}, 5),
        ({"update_time": days_ago(400), "last_call_time": days_ago(300)}, 10),
        ({"update_time": days_ago(0.5), "last_call_time": days_ago(300)}, 0),
        ({"status": JobStatus.LOST, "update_time": days_ago(40)}, 60),
    ],
)
def test_a_job_is_rated_by_its_status_and_its_calls(values, score):
    assert rate(**values).purge_score == score


def test_the_reasons_say_what_to_think_of():
    rated = rate(status=JobStatus.ERROR, update_time=days_ago(40), last_call_time=days_ago(15))

    assert rated.purge_reasons.splitlines() == [
        "The job is failing: fix it, or remove it.",
        "The job was not called for 15.0 days.",
    ]
    assert (rated.update_time_days_ago, rated.last_call_time_days_ago) == (40, 15)


def test_a_job_without_faults_has_no_reasons():
    rated = rate()

    assert (rated.purge_reasons, rated.last_call_time_days_ago) == ("", None)


def test_newer_versions_of_the_family_count_pre_releases_among_them():
    versions = ["1.0.0", "1.0.1-rc", "1.10.0", "nonsense"]
    others = [a_job("other", "9.0.0")]

    rated = {
        each.job.version: each.rating
        for each in rate_jobs([a_job(version=v) for v in versions] + others, NOW)
    }

    assert rated["1.0.0"].purge_newer_versions == 2
    assert rated["1.0.0"].purge_score == 2
    assert rated["1.0.1-rc"].purge_newer_versions == 1
    assert rated["1.10.0"].purge_newer_versions == 0
    assert rated["nonsense"].purge_newer_versions == 0
    assert rated["9.0.0"].purge_newer_versions == 0


def test_more_than_five_newer_versions_weigh_as_five():
    rated = rate_jobs([a_job(version=f"1.0.{patch}") for patch in range(8)], NOW)

    assert [each.rating.purge_score for each in rated] == [5, 5, 5, 4, 3, 2, 1, 0]
    assert rated[0].rating.purge_newer_versions == 7


def test_the_example_of_the_manual():
    jobs = [a_job(version=v) for v in ("1.0.1", "1.0.2")]
    old = a_job(version="1.0.0", update_time=days_ago(40), last_call_time=days_ago(15))

    assert rate_jobs([*jobs, old], NOW)[0].rating.purge_score == 7
