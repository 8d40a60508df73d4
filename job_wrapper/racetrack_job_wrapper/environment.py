"""The environment variables by which the platform describes a job to its wrapper, and the job's manifest."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

DEFAULT_MESSAGE_BYTES = 16 * 1024 * 1024
DEFAULT_BODY_BYTES = 256 * 1024 * 1024
_SIZE = re.compile(r"([1-9][0-9]*)(Ki|Mi|Gi)?")
_FACTORS = {None: 1, "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}
SECRET_VARIABLE = "RACETRACK_INSTANCE_SECRET"  # noqa: S105 - the name of the variable


@dataclass(frozen=True)
class JobEnvironment:
    """The name, version, manifest and origin of a job."""

    name: str
    version: str
    deployment_timestamp: str | None
    git_version: str | None
    deployed_by_racetrack_version: str | None
    job_type_version: str | None
    manifest: Mapping[str, Any]
    secret: str = field(default="", repr=False)
    """The secret that the platform shares with this instance; empty outside a platform: then every caller is served."""
    port: int | None = None
    """The port at which the platform calls this instance; None if it is the one that the server listens at."""
    manifest_error: str | None = None
    """The reason why the manifest can't be read: the job is not loaded, and its server tells the reason."""

    @property
    def base_url(self) -> str:
        """The path under which PUB reaches this version."""
        return f"/pub/job/{self.name}/{self.version}"

    @property
    def extra(self) -> Mapping[str, Any]:
        """The manifest's settings for this job type."""
        extra = self.manifest.get("jobtype_extra") or self.manifest.get("python")
        return extra if isinstance(extra, dict) else {}

    @property
    def max_message_bytes(self) -> int:
        """The largest message of a WebSocket that the job receives; raises ValueError when the manifest's size is none."""
        return self._read_size("max_websocket_message", DEFAULT_MESSAGE_BYTES)

    @property
    def max_body_bytes(self) -> int:
        """The largest body of a request; raises ValueError when the manifest's size is none."""
        return self._read_size("max_body", DEFAULT_BODY_BYTES)

    def _read_size(self, key: str, default: int) -> int:
        size = self.extra.get(key)
        if size is None:
            return default
        if not (match := _SIZE.fullmatch(str(size))):
            raise ValueError(f"Expected a size such as 64Mi in {key}, but got: {size}")
        return int(match[1]) * _FACTORS[match[2]]


def read_environment(variables: Mapping[str, str], manifest_path: str | None) -> JobEnvironment:
    """Read the variables and the manifest: from the given file, `JOB_MANIFEST_YAML`, or `job.yaml` here."""
    manifest, manifest_error = _read_manifest(variables, manifest_path)
    return JobEnvironment(
        name=variables.get("JOB_NAME") or str(manifest.get("name") or "JOB_NAME"),
        version=variables.get("JOB_VERSION") or str(manifest.get("version") or "JOB_VERSION"),
        deployment_timestamp=variables.get("JOB_DEPLOYMENT_TIMESTAMP"),
        git_version=variables.get("GIT_VERSION"),
        deployed_by_racetrack_version=variables.get("DEPLOYED_BY_RACETRACK_VERSION"),
        job_type_version=variables.get("JOB_TYPE_VERSION"),
        manifest=manifest,
        secret=variables.get(SECRET_VARIABLE, ""),
        port=int(variables["RACETRACK_PORT"]) if "RACETRACK_PORT" in variables else None,
        manifest_error=manifest_error,
    )


def header_names(variables: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """Return the names of the tracing header and of the caller header."""
    return (
        variables.get("REQUEST_TRACING_HEADER", "X-Request-Tracing-Id"),
        variables.get("CALLER_NAME_HEADER", "X-Caller-Name"),
    )


def _read_manifest(
    variables: Mapping[str, str], path: str | None
) -> tuple[Mapping[str, Any], str | None]:
    try:
        content = yaml.safe_load(_manifest_text(variables, path))
    except (OSError, yaml.YAMLError) as error:
        return {}, f"the manifest can't be read: {error}"
    if content is not None and not isinstance(content, dict):
        return {}, f"the manifest can't be read: it is a {type(content).__name__}, not a mapping"
    return content or {}, None


def _manifest_text(variables: Mapping[str, str], path: str | None) -> str:
    if path:
        return Path(path).read_text()
    if variables.get("JOB_MANIFEST_YAML"):
        text = variables["JOB_MANIFEST_YAML"]
        # Targets of older plugins send the text as one line; `\n` in a text of several lines is a part of a value.
        return text if "\n" in text else text.replace("\\n", "\n")
    return Path("job.yaml").read_text() if Path("job.yaml").is_file() else ""
