import pytest
from lifecycle.auth.permissions import (
    Wanted,
    describe_permission,
    find_mismatch,
    is_below,
    normalize_endpoint,
    permits,
)
from lifecycle.domain.auth import PermissionDto
from racetrack_client.entities import AuthScope
from racetrack_commons.testing.builders import a_job

CALL, READ, FULL = AuthScope.CALL_JOB, AuthScope.READ_JOB, AuthScope.FULL_ACCESS
PERFORM = "/api/v1/perform"
ADDER = a_job("adder", "0.0.1", id="adder-1")
OTHER = a_job("other", "0.0.1", id="other-1")
IN_ADDER = {"job_family_id": "1", "job_family_name": "adder"}
IN_OTHER = {"job_family_id": "2", "job_family_name": "other"}


def a_permission(scope: AuthScope, **limits: str) -> PermissionDto:
    return PermissionDto(auth_subject_id="anna", scope=scope, **limits)


@pytest.mark.parametrize(
    ("permission", "scope", "job", "mismatch"),
    [
        (a_permission(CALL), CALL, ADDER, None),
        (a_permission(FULL), CALL, ADDER, None),
        (a_permission(READ), CALL, ADDER, "is another scope"),
        (a_permission(CALL, **IN_ADDER), CALL, ADDER, None),
        (a_permission(CALL, **IN_ADDER), CALL, OTHER, "is about another job family"),
        (a_permission(CALL, job_id="adder-1"), CALL, ADDER, None),
        # The same version of another job:
        (
            *(a_permission(CALL, job_id="adder-1"), CALL, OTHER),
            "is about another job, or another version",
        ),
        (
            *(a_permission(FULL, job_id="adder-1"), CALL, OTHER),
            "is about another job, or another version",
        ),
        (
            *(a_permission(CALL, job_id="adder-1", **IN_OTHER), CALL, ADDER),
            "is about another job family",
        ),
        (a_permission(CALL, job_id="adder-1", **IN_ADDER), CALL, ADDER, None),
        (a_permission(FULL, endpoint=PERFORM), FULL, ADDER, "is about one endpoint only"),
    ],
)
def test_a_permission_on_jobs(permission, scope, job, mismatch):
    assert find_mismatch(permission, Wanted(scope, job.name, job)) == mismatch


@pytest.mark.parametrize(
    ("permission", "expected"),
    [
        (a_permission(CALL), True),
        (a_permission(CALL, **IN_ADDER), True),
        (a_permission(CALL, job_id="adder-1"), False),
    ],
)
def test_a_permission_on_versions_that_do_not_exist_yet(permission, expected):
    assert permits([permission], Wanted(CALL, "adder")) is expected


@pytest.mark.parametrize(
    ("granted", "endpoint", "expected"),
    [
        (PERFORM, PERFORM, True),
        ("api/v1/perform", PERFORM, True),
        ("/api/v1/perform/", PERFORM, True),
        ("/api/v1", PERFORM, False),
        (PERFORM, f"{PERFORM}/more", False),
        (PERFORM, "/API/v1/perform", False),
        ("/", "/", True),
        ("/", PERFORM, False),
    ],
)
def test_a_permission_on_an_endpoint_means_exactly_that_endpoint(granted, endpoint, expected):
    permission = a_permission(CALL, endpoint=granted)
    assert permits([permission], Wanted(CALL, "adder", ADDER, endpoint)) is expected


@pytest.mark.parametrize(
    "limits",
    [IN_ADDER, {"job_id": "adder-1"}, {"endpoint": PERFORM}],
)
def test_a_limited_permission_is_not_about_everything(limits):
    assert permits([a_permission(FULL)], Wanted(CALL))
    assert not permits([a_permission(FULL, **limits)], Wanted(CALL))


def test_permissions_are_described_with_their_limits():
    assert describe_permission(a_permission(FULL)) == "full_access on everything"
    limited = a_permission(
        CALL, job_id="1", job_name="adder", job_version="0.0.1", endpoint=PERFORM, **IN_ADDER
    )
    assert describe_permission(limited) == (
        "call_job on job family adder, job adder 0.0.1, endpoint /api/v1/perform"
    )


@pytest.mark.parametrize(
    ("endpoint", "public", "expected"),
    [
        ("/api/v1/perform", "/api/v1/perform", True),
        ("/api/v1/perform/x", "/api/v1/perform", True),
        ("/api/v1/performance", "/api/v1/perform", False),
        ("/api", "/api/v1", False),
        ("/open%2Fapi", "/open", False),
        ("/anything", "/", True),
        ("/api/v1/perform", "api/v1/perform/", True),
    ],
)
def test_a_public_endpoint_covers_whole_segments_below_it(endpoint, public, expected):
    assert is_below(endpoint, public) is expected


@pytest.mark.parametrize(
    ("path", "expected"), [("", "/"), ("/", "/"), ("a/b/", "/a/b"), ("/a", "/a"), ("a//", "/a/")]
)
def test_endpoints_have_one_form(path, expected):
    assert normalize_endpoint(path) == expected
