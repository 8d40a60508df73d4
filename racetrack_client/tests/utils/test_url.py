import pytest
from racetrack_client.log.errors import ValidationError
from racetrack_client.utils.url import join_paths, resolve_lifecycle_url


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("test-cluster", "https://test-cluster/lifecycle"),
        ("host:7002", "https://host:7002/lifecycle"),
        ("http://host", "http://host/lifecycle"),
        ("http://host/", "http://host/"),
        ("host/", "https://host/"),
        ("host:80/a", "https://host:80/a"),
        ("http://host:7002/foo", "http://host:7002/foo"),
        ("https://host/lifecycle/", "https://host/lifecycle"),
        ("home", "http://localhost:7202/lifecycle"),
    ],
)
def test_a_remote_becomes_the_url_of_lifecycle(remote: str, url: str):
    resolved = resolve_lifecycle_url(remote, {"home": "http://localhost:7202"})

    assert resolved == url
    assert resolve_lifecycle_url(resolved, {}) == url


@pytest.mark.parametrize(
    "remote", ["", "http://", "ftp://host", "a b", "http://[::1", "host:port", "http://host:99999"]
)
def test_what_is_no_url_is_refused(remote: str):
    with pytest.raises(ValidationError, match="neither an alias nor a URL"):
        resolve_lifecycle_url(remote, {})


@pytest.mark.parametrize(
    ("parts", "joined"),
    [
        (("http://h/", "/a/", "b"), "http://h/a/b"),
        (("http://h", "", "b"), "http://h/b"),
        (("/a", "b/"), "/a/b/"),
        (("http://h",), "http://h"),
    ],
)
def test_parts_are_joined_by_single_slashes(parts: tuple[str, ...], joined: str):
    assert join_paths(*parts) == joined


def test_a_number_is_no_host():
    with pytest.raises(ValidationError, match=r"is a number; .* say http://127\.0\.0\.1:7202"):
        resolve_lifecycle_url("7202", {})
