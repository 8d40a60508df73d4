import pytest
from lifecycle.auth.endpoint_path import is_below, normalize_endpoint


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
