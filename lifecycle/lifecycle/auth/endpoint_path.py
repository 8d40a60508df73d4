"""Paths of endpoints inside a job, in the one form that permissions and public endpoints are compared in."""

from urllib.parse import unquote


def normalize_endpoint(path: str) -> str:
    """Give a path one leading slash, and take one trailing slash from it."""
    return "/" + path.removesuffix("/").removeprefix("/")


def is_below(endpoint: str, public: str) -> bool:
    """Tell whether an endpoint is the public one, or a path below it."""
    prefix = normalize_endpoint(public).rstrip("/")
    return endpoint == prefix or endpoint.startswith(f"{prefix}/")


def has_dot_segments(endpoint: str) -> bool:
    """Tell whether `.` or `..` stands between slashes, perhaps escaped once more.

    Whoever resolves them decides which endpoint is meant, so the job could serve another one than
    the one that was permitted.
    """
    return any(segment in (".", "..") for segment in unquote(endpoint).split("/"))


def describe_dot_segments(text: str) -> str:
    """Say what is wrong with such a path."""
    return f"{text} is no endpoint: it has `.` or `..` in its path"
