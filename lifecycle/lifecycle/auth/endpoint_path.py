"""Paths of endpoints inside a job, in the one form that permissions and public endpoints are compared in."""


def normalize_endpoint(path: str) -> str:
    """Give a path one leading slash, and take one trailing slash from it."""
    return "/" + path.removesuffix("/").removeprefix("/")


def is_below(endpoint: str, public: str) -> bool:
    """Tell whether an endpoint is the public one, or a path below it."""
    prefix = normalize_endpoint(public).rstrip("/")
    return endpoint == prefix or endpoint.startswith(f"{prefix}/")


def describe_dot_segments(text: str) -> str:
    """Say what is wrong with such a path."""
    return f"{text} is no endpoint: it has `.` or `..` in its path"
