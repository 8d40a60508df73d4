import pytest
from racetrack_commons.auth.endpoint_path import has_dot_segments


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "/a/../b",
        "/..",
        "/a/./b",
        "/a/%2e%2e/b",
        "/a/..%2Fb",
        "/a/..;x=1/b",
        "/a/.;/b",
        "/a/..%3B/b",
        "/a\\..\\b",
        "/a/..%5Cb",
    ],
)
def test_dot_segments_are_found_however_they_are_written(path):
    assert has_dot_segments(path)


@pytest.mark.parametrize(
    "path",
    ["", "/", "/a/..b/.c/d..", "/file.txt", "/.well-known/x", "/a/...", "/a;../b", "/a;b=.."],
)
def test_other_dots_are_no_segments(path):
    assert not has_dot_segments(path)
