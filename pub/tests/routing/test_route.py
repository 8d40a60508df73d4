import pytest
from pub.routing.route import JobPath, parse_job_path


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("/pub/job/adder/latest", JobPath("adder", "latest", "")),
        ("/pub/job/adder/latest/", JobPath("adder", "latest", "/")),
        ("/job/adder/1.x/a/b/", JobPath("adder", "1.x", "/a/b/")),
        ("/pub/fatman/adder/1.0.0-rc%2B1/a", JobPath("adder", "1.0.0-rc+1", "/a")),
        ("/pub/job/a%64der/1/a%2Fb%20c//d", JobPath("adder", "1", "/a%2Fb%20c//d")),
        ("/pub/job/adder/1///a", JobPath("adder", "1", "/a")),
        ("/pub/job/adder/1/.well-known/..x", JobPath("adder", "1", "/.well-known/..x")),
    ],
)
def test_a_job_path_is_taken_apart(raw, expected):
    assert parse_job_path(raw, "/pub") == expected


@pytest.mark.parametrize(
    "raw",
    [
        "/",
        "/pub/job/adder",
        "/pub/jobs/adder/1",
        "/other/job/adder/1",
        "/pub/job/ad%2Fder/1",
        "/pub/job/../1",
        "/pub/job/adder/%2e%2e/x",
        "/pub/job/ad%00der/1",
        "/pub/job/ad%20der/1",
        "/pub/job/adder/1/a/../b",
        "/pub/job/adder/1/a/%2E%2e",
        "/pub/job/adder/1/a/.%2Fb",
        "/pub/job/adder/1/a/%252e%252e/b",
        "/pub/job/adder/1/a/..;x/b",
        "/pub/job/adder/1/a/..%5Cb",
        f"/pub/job/{'a' * 1000}/1",
    ],
)
def test_what_is_ambiguous_is_no_job_path(raw):
    assert parse_job_path(raw, "/pub") is None
