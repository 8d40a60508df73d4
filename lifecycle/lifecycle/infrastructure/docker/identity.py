"""The identity of containers: labels, by which Racetrack recognises its own, and names, by which people do."""

import re
from dataclasses import dataclass
from typing import Any

from racetrack_client.docker_labels import DockerComponent, DockerLabel
from racetrack_commons.deploy.resource import job_resource_name


def make_platform_labels(platform: str) -> dict[str, str]:
    """Return the labels that all containers and networks of a platform's jobs have in common."""
    return {DockerLabel.COMPONENT: DockerComponent.JOB, DockerLabel.PLATFORM: platform}


@dataclass(frozen=True)
class JobContainer:
    """A container of a job, as its labels describe it."""

    id: str
    state: str
    """In the engine's words: created, running, paused, restarting, removing, exited, dead."""
    created: int
    """UNIX seconds."""
    job_name: str
    job_version: str
    instance_id: str
    replica: int
    index: int
    """The number of the container within its replica; container 0 answers calls."""
    size: int
    """The number of containers of the whole instance."""
    address: str
    """The `host:port` at which the replica is reached."""


def parse_container(summary: dict[str, Any]) -> JobContainer | None:
    """Return the container that an entry of the engine's list describes; None when its labels are damaged."""
    labels = summary["Labels"]
    try:
        return JobContainer(
            id=summary["Id"],
            state=summary["State"],
            created=summary["Created"],
            job_name=labels[DockerLabel.JOB_NAME],
            job_version=labels[DockerLabel.JOB_VERSION],
            instance_id=labels[DockerLabel.INSTANCE],
            replica=int(labels[DockerLabel.REPLICA]),
            index=int(labels[DockerLabel.CONTAINER]),
            size=int(labels[DockerLabel.SIZE]),
            address=labels[DockerLabel.ADDRESS],
        )
    except (KeyError, ValueError):
        return None


_LONGEST_LABEL = 63
"""Characters that one part of a DNS name may have."""
_ID_LENGTH = 8


def make_container_name(job_name: str, job_version: str, replica: int, index: int) -> str:
    """Return the name that a container of the newest instance has, by which people look for it."""
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
