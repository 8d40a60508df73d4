import pytest
from lifecycle.job.versions import find_by_alias, find_callable_by_alias, is_alias
from racetrack_commons.entities.dto import JobStatus
from racetrack_commons.testing.builders import a_job


@pytest.mark.parametrize("alias", ["latest", "x", "1.x", "1.2.x", "1.x.x"])
def test_aliases_are_known(alias):
    assert is_alias(alias)


@pytest.mark.parametrize("version", ["1.2.3", "1.*", "2.*.*", "LATEST", "1.2.3-fix"])
def test_all_else_is_taken_literally(version):
    assert not is_alias(version)


@pytest.mark.parametrize(
    ("alias", "versions", "expected"),
    [
        ("latest", ["1.9.0", "1.10.0", "1.2.0"], "1.10.0"),
        ("latest", ["1.0.0", "2.0.0-alpha"], "1.0.0"),
        ("latest", ["1.0.0", "nonsense"], "1.0.0"),
        ("latest", ["2.0.0-alpha"], None),
        ("1.x", ["1.2.0", "1.10.0", "2.0.0", "11.0.0"], "1.10.0"),
        ("1.2.x", ["1.2.3", "1.2.10", "1.20.0"], "1.2.10"),
        ("x", ["3.0.0", "2.0.0"], "3.0.0"),
        ("3.x", ["1.0.0"], None),
    ],
)
def test_an_alias_means_the_highest_stable_version_that_matches(alias, versions, expected):
    found = find_by_alias([a_job(version=version) for version in versions], alias)

    assert (found.version if found else None) == expected


def test_a_version_that_never_ran_is_not_meant():
    jobs = [
        a_job(version="1.0.0", status=JobStatus.LOST),
        a_job(version="2.0.0", status=JobStatus.STARTING, internal_name=None),
    ]

    assert find_by_alias(jobs, "latest").version == "1.0.0"


def test_a_call_rather_reaches_an_older_version_than_a_lost_one():
    jobs = [
        a_job(version="1.0.0"),
        a_job(version="1.1.0", status=JobStatus.ERROR),
        a_job(version="2.0.0", status=JobStatus.LOST),
    ]

    assert find_callable_by_alias(jobs, "latest").version == "1.1.0"
    assert find_callable_by_alias(jobs, "2.x").version == "2.0.0"
    assert find_by_alias(jobs, "latest").version == "2.0.0"


def test_a_version_that_is_started_again_is_still_meant():
    jobs = [a_job(version="1.0.0"), a_job(version="1.1.0", status=JobStatus.STARTING)]

    assert find_callable_by_alias(jobs, "latest").version == "1.1.0"
