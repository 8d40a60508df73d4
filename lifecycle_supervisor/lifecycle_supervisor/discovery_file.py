"""The file in which Prometheus finds the jobs to scrape."""

import os
import tempfile
from pathlib import Path

import yaml
from racetrack_commons.deploy.resource import job_resource_name
from racetrack_commons.entities.dto import JobDto, JobStatus


def write_discovery_file(path: Path, jobs: list[JobDto]) -> None:
    """Write the file whole or not at all; it stays as it is when nothing changed."""
    text = yaml.safe_dump(
        [_describe(job) for job in jobs if job.status != JobStatus.LOST and job.internal_name]
    )
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(temporary).chmod(0o644)
    Path(temporary).replace(path)


def _describe(job: JobDto) -> dict[str, object]:
    labels = {
        "job": job_resource_name(job.name, job.version),
        "job_name": job.name,
        "job_version": job.version,
    }
    return {"targets": job.replica_internal_names or [job.internal_name], "labels": labels}
