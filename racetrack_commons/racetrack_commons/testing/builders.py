"""Builders of test data: a test names only the values that matter to it."""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import yaml
from racetrack_client.entities import DeployPayload
from racetrack_client.manifest import Manifest
from racetrack_client.manifest.parse import parse_manifest

from racetrack_commons.entities.async_calls import AsyncCallStatus, AsyncJobCallDto
from racetrack_commons.entities.dto import DeploymentDto, DeploymentStatus, JobDto, JobStatus

A_TIME = 1_770_000_000
"""UNIX seconds: when jobs and deployments of tests were created, and last changed."""


def a_manifest_dict(name: str = "adder", version: str = "0.0.1", **values: Any) -> dict[str, Any]:
    """Make a manifest as a client sends it; a value of `...` leaves the key out."""
    content = {
        "name": name,
        "version": version,
        "owner_email": "sample@example.com",
        "jobtype": "python3:latest",
        "git": {"remote": "https://example.com/adder"},
        "jobtype_extra": {"entrypoint_path": "adder.py", "entrypoint_class": "Adder"},
    }
    return {key: value for key, value in (content | values).items() if value is not ...}


def a_manifest(name: str = "adder", version: str = "0.0.1", **values: Any) -> Manifest:
    """Make a manifest that was checked."""
    return parse_manifest(a_manifest_dict(name, version, **values))


def a_manifest_yaml(name: str = "adder", version: str = "0.0.1", **values: Any) -> str:
    """Write a manifest as it stands in a job.yaml."""
    return yaml.safe_dump(a_manifest_dict(name, version, **values), sort_keys=False)


def a_deploy_payload(manifest: dict[str, Any] | None = None, **values: Any) -> DeployPayload:
    """Ask for a deployment of the job of a manifest."""
    return DeployPayload(manifest=manifest or a_manifest_dict(), **values)


def a_job(name: str = "adder", version: str = "0.0.1", **values: Any) -> JobDto:
    """Make a running job of the target `process`."""
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


def a_deployment(deployment_id: str = "deployment-1", **values: Any) -> DeploymentDto:
    """Make a deployment that has failed."""
    defaults: dict[str, Any] = {
        "status": DeploymentStatus.FAILED,
        "create_time": A_TIME,
        "update_time": A_TIME,
        "manifest_yaml": a_manifest_yaml(),
        "job_name": "adder",
        "job_version": "0.0.1",
    }
    return DeploymentDto(id=deployment_id, **defaults | values)


def a_plugin_zip(
    code: str = "class Plugin:\n    pass\n",
    name: str = "sample-plugin",
    version: str = "1.0.0",
    files: Mapping[str, str] | None = None,
    **manifest: Any,
) -> bytes:
    """Make a plugin's package, `code` being its plugin.py."""
    contents: dict[str, str | bytes] = {
        "plugin.py": code,
        "plugin-manifest.yaml": yaml.safe_dump({"name": name, "version": version, **manifest}),
        **(files or {}),
    }
    return a_zip(contents)


def a_zip(contents: Mapping[str, str | bytes]) -> bytes:
    """Make a zip of texts, or of bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for path, content in contents.items():
            package.writestr(path, content)
    return buffer.getvalue()


def an_async_call(call_id: str = "call-1", **values: Any) -> AsyncJobCallDto:
    """Make an async call of the job adder 0.0.1, which no gateway has begun."""
    defaults: dict[str, Any] = {
        "status": AsyncCallStatus.ONGOING,
        "started_at": A_TIME,
        "ended_at": None,
        "error": None,
        "job_name": "adder",
        "job_version": "0.0.1",
        "job_path": "/api/v1/perform",
        "request_method": "POST",
        "request_url": "/pub/job/adder/0.0.1/api/v1/perform",
        "request_headers": {"cookie": "session=secret"},
        "request_body": "[40, 2]",
        "response_status_code": None,
        "response_headers": None,
        "response_body": "",
        "pub_instance_addr": "",
        "retriable_error": False,
    }
    return AsyncJobCallDto(id=call_id, **defaults | values)
