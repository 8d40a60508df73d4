"""Builders of values: a test names only what matters to it."""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import yaml
from racetrack_client.manifest import Manifest

from racetrack_commons.entities.dto import JobDto, JobStatus

_MOMENT = 1769860800


def a_manifest_dict(name: str = "adder", version: str = "1.0.0", **values: Any) -> dict[str, Any]:
    """Make a manifest as a client sends it."""
    return {
        "name": name,
        "version": version,
        "owner_email": "owner@example.com",
        "jobtype": "python3:latest",
        "git": {"remote": "https://git.example.com/jobs", "directory": name},
        "jobtype_extra": {"entrypoint_path": f"{name}.py"},
        **values,
    }


def a_manifest(name: str = "adder", version: str = "1.0.0", **values: Any) -> Manifest:
    """Make a manifest."""
    return Manifest.model_validate(a_manifest_dict(name, version, **values))


def a_job(name: str = "adder", version: str = "1.0.0", **values: Any) -> JobDto:
    """Make a running job."""
    manifest = values.setdefault("manifest", a_manifest(name, version))
    defaults: dict[str, Any] = {
        "status": JobStatus.RUNNING,
        "create_time": _MOMENT,
        "update_time": _MOMENT,
        "manifest_yaml": manifest and yaml.safe_dump(a_manifest_dict(name, version)),
        "infrastructure_target": "process",
        "job_type_version": "python3:3.0.0",
    }
    return JobDto(name=name, version=version, **{**defaults, **values})


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
