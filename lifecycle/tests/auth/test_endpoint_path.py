import pytest
from lifecycle.auth.endpoint_path import has_dot_segments, is_below, normalize_endpoint


@pytest.mark.parametrize(
    ("endpoint", "public", "expected"),
    [
        ("/api/v1/perform", "/api/v1/perform", True),
        ("/api/v1/perform/x", "/api/v1/perform", True),
        ("/api/v1/performance", "/api/v1/perform", False),
        ("/api", "/api/v1", False),
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


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/../b", True),
        ("/..", True),
        ("/a/./b", True),
        ("/a/%2e%2e/b", True),
        ("/a/..%2Fb", True),
        ("/a/..b/.c/d..", False),
        ("/file.txt", False),
    ],
)
def test_dot_segments_are_found_however_they_are_written(path, expected):
    assert has_dot_segments(path) is expected
