"""Paths of job calls, taken apart as raw bytes: escapes stay as the caller wrote them."""

from dataclasses import dataclass
from urllib.parse import unquote


@dataclass(frozen=True)
class JobPath:
    """Where a call goes."""

    name: str
    version: str
    path: str
    """The rest, with its escapes; empty or beginning with a slash."""


def parse_job_path(raw_path: str, prefix: str) -> JobPath | None:
    """Read `[/pub]/job/{name}/{version}{path}`; None when it is no job path."""
    path = raw_path.removeprefix(prefix) if raw_path.startswith(f"{prefix}/") else raw_path
    for kind in ("/job/", "/fatman/"):
        if path.startswith(kind):
            name, _, rest = path.removeprefix(kind).partition("/")
            version, separator, job_path = rest.partition("/")
            if name and version and "%" not in name + version and not _has_dot_segments(path):
                return JobPath(name, version, f"{separator}{job_path}")
    return None


def _has_dot_segments(path: str) -> bool:
    # Who resolves them decides which endpoint is meant: Lifecycle could be asked about another one than the job gets.
    return any(unquote(segment) in (".", "..") for segment in path.split("/"))
