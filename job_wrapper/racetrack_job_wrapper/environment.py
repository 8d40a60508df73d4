"""What the platform tells a job through environment variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class JobEnvironment:
    """Name, version and surroundings of a job."""

    name: str
    version: str
    deployment_timestamp: str | None
    git_version: str | None
    deployed_by_racetrack_version: str | None
    job_type_version: str | None
    manifest: Mapping[str, Any]

    @property
    def base_url(self) -> str:
        """The path under which PUB reaches this version."""
        return f"/pub/job/{self.name}/{self.version}"

    @property
    def extra(self) -> Mapping[str, Any]:
        """The manifest's settings for this job type."""
        return self.manifest.get("jobtype_extra") or self.manifest.get("python") or {}


def read_environment(variables: Mapping[str, str], manifest_path: str | None) -> JobEnvironment:
    """Read the variables and the manifest: a given file, `JOB_MANIFEST_YAML`, or `job.yaml` here."""
    manifest = _read_manifest(variables, manifest_path)
    return JobEnvironment(
        name=variables.get("JOB_NAME") or str(manifest.get("name") or "JOB_NAME"),
        version=variables.get("JOB_VERSION") or str(manifest.get("version") or "JOB_VERSION"),
        deployment_timestamp=variables.get("JOB_DEPLOYMENT_TIMESTAMP"),
        git_version=variables.get("GIT_VERSION"),
        deployed_by_racetrack_version=variables.get("DEPLOYED_BY_RACETRACK_VERSION"),
        job_type_version=variables.get("JOB_TYPE_VERSION"),
        manifest=manifest,
    )


def header_names(variables: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """Return the names of the tracing and the caller header."""
    return (
        variables.get("REQUEST_TRACING_HEADER", "X-Request-Tracing-Id"),
        variables.get("CALLER_NAME_HEADER", "X-Caller-Name"),
    )


def _read_manifest(variables: Mapping[str, str], path: str | None) -> Mapping[str, Any]:
    if path:
        text = Path(path).read_text()
    elif variables.get("JOB_MANIFEST_YAML"):
        text = variables["JOB_MANIFEST_YAML"].replace("\\n", "\n")
    elif Path("job.yaml").is_file():
        text = Path("job.yaml").read_text()
    else:
        return {}
    content = yaml.safe_load(text)
    return content if isinstance(content, dict) else {}
