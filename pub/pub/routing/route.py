"""What the gateway keeps of Lifecycle's answer."""

import hashlib
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from racetrack_commons.auth.endpoint_path import has_dot_segments
from racetrack_commons.entities.dto import JobCallAuthData

Key = bytes
_JOB_PATH = re.compile(r"/(?:job|fatman)/([^/]+)/([^/]+)(?:/*(/.*))?", re.DOTALL)
_LONGEST_NAME = 512
_UNSAFE_SEGMENT = re.compile(r"[/\\\x00-\x20\x7f]")
_DOTS = {".", ".."}


@dataclass(frozen=True, slots=True)
class JobPath:
    """Where a call goes."""

    name: str
    version: str
    path: str
    """The rest, with its escapes; empty or beginning with one slash."""


@dataclass(frozen=True, slots=True)
class Question:
    """May the holder of the token call this path?"""

    job: JobPath
    token: str = field(repr=False)
    headers: dict[str, str]
    """Go to Lifecycle with the question: the tracing id."""

    @property
    def key(self) -> Key:
        """What the answer depends on."""
        job = self.job
        # Neither names, nor escaped paths, nor tokens hold a NUL.
        parts = "\0".join((job.name, job.version, job.path, self.token))
        return hashlib.sha256(parts.encode()).digest()


@dataclass(frozen=True, slots=True)
class Route:
    """Where a job is, and who calls it."""

    name: str
    version: str
    """The exact one."""
    status: str
    addresses: tuple[str, ...]
    """`host:port` of each replica; none when the job is nowhere."""
    caller: str | None
    is_remote: bool = False
    """Whether the job is behind a gateway of its own."""

    @classmethod
    def read(cls, answer: JobCallAuthData) -> "Route":
        """Keep what calling needs; thousands of routes are remembered."""
        job = answer.job
        single = [job.internal_name] if job.internal_name else []
        return cls(
            name=job.name,
            version=job.version,
            status=str(job.status),
            addresses=tuple(job.replica_internal_names or single),
            caller=answer.caller,
            is_remote=bool(answer.remote_gateway_url),
        )


def parse_job_path(raw_path: str, prefix: str) -> JobPath | None:
    """Read `[/pub]/job/{name}/{version}{path}`; None when it is no job path."""
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
    # Lifecycle would be asked about another endpoint than the job may serve.
    return ("." in path or "%" in path) and has_dot_segments(unquote(path))
