"""Names of containers, and the names by which they find each other in their network."""

import re

from racetrack_commons.deploy.resource import job_resource_name

_LONGEST_LABEL = 63
"""Characters of one part of a name in DNS."""
_ID_LENGTH = 8


def make_container_name(job_name: str, job_version: str, replica: int, index: int) -> str:
    """Return the name that a container of the newest instance has: what people look for."""
    return _clean(job_resource_name(job_name, job_version)) + _suffix(replica, index)


def make_alias(job_name: str, job_version: str, instance_id: str, replica: int, index: int) -> str:
    """Return a name that no container of another instance has; it fits into DNS."""
    suffix = f"-{instance_id[:_ID_LENGTH]}{_suffix(replica, index)}"
    base = _clean(job_resource_name(job_name, job_version))
    return base[: _LONGEST_LABEL - len(suffix)] + suffix


def _suffix(replica: int, index: int) -> str:
    of_replica = f"-r{replica}" if replica else ""
    return of_replica + (f"-{index}" if index else "")


def _clean(name: str) -> str:
    return re.sub(r"[^a-z0-9-]", "-", name.lower())
