"""Paths of job calls, taken apart as raw text: escapes stay as the caller wrote them."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from racetrack_commons.auth.endpoint_path import has_dot_segments

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
