"""Builders of values: they name only what matters to a test."""

from typing import Any

from racetrack_commons.entities.dto import JobDto, JobStatus

A_TIME = 1_770_000_000


def a_manifest_yaml(name: str = "adder", version: str = "0.0.1") -> str:
    """Write the manifest of a job."""
    return (
        f"name: {name}\nversion: {version}\nowner_email: nobody@example.com\n"
        "jobtype: python3:latest\ngit:\n  remote: https://example.com/adder\n"
    )


def a_job(name: str = "adder", version: str = "0.0.1", **values: Any) -> JobDto:
    """Make a running job."""
    defaults: dict[str, Any] = {
        "status": JobStatus.RUNNING,
        "create_time": A_TIME,
        "update_time": A_TIME,
        "manifest_yaml": a_manifest_yaml(name, version),
        "internal_name": "127.0.0.1:7000",
        "infrastructure_target": "process",
        "image_tag": "2026-01-31T120000",
        "deployed_by": "admin",
    }
    return JobDto(name=name, version=version, **defaults | values)
