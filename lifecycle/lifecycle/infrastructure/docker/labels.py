"""Labels: by them, and never by names, containers are known as ours."""

from dataclasses import dataclass
from typing import Any

from racetrack_client.entities import DockerComponent, DockerLabel


def platform_labels(platform: str) -> dict[str, str]:
    """Return what all containers and networks of jobs have in common."""
    return {DockerLabel.COMPONENT: DockerComponent.JOB, DockerLabel.PLATFORM: platform}


@dataclass(frozen=True)
class JobContainer:
    """A container of a job, as its labels tell it."""

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
    """Which container of the replica: 0 answers calls."""
    size: int
    """How many containers the whole instance has."""
    address: str
    """`host:port` of the replica."""


def parse_container(summary: dict[str, Any]) -> JobContainer | None:
    """Read an entry of the engine's list; None when somebody tampered with the labels."""
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
