"""The values of routing: a job's path in a URL, the query to Lifecycle about it, and the route that Lifecycle returns."""

import hashlib
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from racetrack_commons.auth.endpoint_path import has_dot_segments
from racetrack_commons.entities.dto import JobCallAuthData

Key = bytes
"""The digest of a query: short, whatever callers send, and without their tokens."""
_JOB_PATH = re.compile(r"/(?:job|fatman)/([^/]+)/([^/]+)(?:/*(/.*))?", re.DOTALL)
_LONGEST_NAME = 512
_UNSAFE_SEGMENT = re.compile(r"[/\\\x00-\x20\x7f]")
_DOTS = {".", ".."}


@dataclass(frozen=True, slots=True)
class JobPath:
    """The target that a caller names: a job, a version or an alias of it, and a path of that job."""

    name: str
    version: str
    path: str
    """The path inside the job, with its escapes; empty or beginning with one slash."""


@dataclass(frozen=True, slots=True)
class RouteQuery:
    """The query to Lifecycle: may the holder of the token call this path, and where is the job?"""

    job: JobPath
    token: str = field(repr=False)
    headers: dict[str, str]
    """The headers that Lifecycle gets with the query: the tracing id."""

    @property
    def key(self) -> Key:
        """The key under which the decision is cached; it covers everything that the decision depends on."""
        job = self.job
        # Neither names, nor escaped paths, nor tokens hold a NUL.
        parts = "\0".join((job.name, job.version, job.path, self.token))
        return hashlib.sha256(parts.encode()).digest()


@dataclass(frozen=True, slots=True)
class Route:
    """The addresses of a job, and the name of the caller."""

    name: str
    version: str
    """The exact version, not an alias."""
    status: str
    addresses: tuple[str, ...]
    """`host:port` of each replica; empty when the job has no address."""
    caller: str | None
    is_remote: bool = False
    """True if the job can only be reached through a remote gateway."""
    secret: str | None = field(default=None, repr=False)
    """The secret that the job proves to know before it gets a call; None for jobs that know none."""

    @classmethod
    def read(cls, answer: JobCallAuthData) -> "Route":
        """Take the fields that a call needs; thousands of routes are cached."""
        job = answer.job
        single = [job.internal_name] if job.internal_name else []
        return cls(
            name=job.name,
            version=job.version,
            status=str(job.status),
            addresses=tuple(job.replica_internal_names or single),
            caller=answer.caller,
            is_remote=bool(answer.remote_gateway_url),
            secret=answer.instance_secret,
        )


def parse_job_path(raw_path: str, prefix: str) -> JobPath | None:
    """Parse `[/pub]/job/{name}/{version}{path}` as raw text, with its escapes; return None for other paths."""
    path = raw_path.removeprefix(prefix) if raw_path.startswith(f"{prefix}/") else raw_path
    match = _JOB_PATH.fullmatch(path)
    if match is None:
        return None
    name, version = unquote(match[1]), unquote(match[2])
    if not (_is_name(name) and _is_name(version)):
        return None
    job_path = match[3] or ""
    return None if _is_ambiguous(job_path) else JobPath(name, version, job_path)


def _is_name(part: str) -> bool:
    return len(part) <= _LONGEST_NAME and part not in _DOTS and not _UNSAFE_SEGMENT.search(part)


def _is_ambiguous(path: str) -> bool:
    # The job could resolve the dots: Lifecycle would be asked about another endpoint than the job serves.
    return ("." in path or "%" in path) and has_dot_segments(unquote(path))
