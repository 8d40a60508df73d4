"""The manifest: what a job is, as its `job.yaml` says."""

from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, PrivateAttr

from racetrack_client.utils.quantity import Quantity


class GitManifest(BaseModel):
    """Where the source of a job is."""

    model_config = ConfigDict(extra="forbid")

    remote: str
    """The `https` URL of the repository."""
    branch: str | None = None
    directory: str = "."
    """The job's directory inside the repository."""


class ResourcesManifest(BaseModel):
    """What a job needs of a machine, and the most that it may take."""

    model_config = ConfigDict(extra="forbid")

    memory_min: Quantity | None = None
    memory_max: Quantity | None = None
    cpu_min: Quantity | None = None
    cpu_max: Quantity | None = None


class Manifest(BaseModel):
    """A job's manifest. The types are checked here; every other rule is in `validate`."""

    model_config = ConfigDict(extra="forbid")

    name: str
    owner_email: str
    git: GitManifest
    version: str = "0.0.1"
    jobtype: str | None = None
    """The job type, `name:version`."""
    lang: str | None = None
    """Deprecated: `jobtype`."""
    extends: str | None = None
    """Path of the manifest to which this one is an overlay."""
    image_type: str = "docker"
    system_dependencies: list[str] | None = None
    build_env: dict[str, str] | None = None
    runtime_env: dict[str, str] | None = None
    secret_build_env_file: str | None = None
    secret_runtime_env_file: str | None = None
    labels: dict[str, Any] | None = None
    public_endpoints: list[str] | None = None
    """Paths that anybody may call once an administrator agreed."""
    replicas: int = 1
    resources: ResourcesManifest | None = None
    jobtype_extra: dict[str, Any] | None = None
    """What the job type needs to know."""
    golang: dict[str, Any] | None = None
    """Deprecated: `jobtype_extra`."""
    python: dict[str, Any] | None = None
    """Deprecated: `jobtype_extra`."""
    docker: dict[str, Any] | None = None
    """Deprecated: `jobtype_extra`."""
    wrapper_properties: dict[str, Any] | None = None
    """Deprecated: `jobtype_extra`."""
    infrastructure_target: str | None = None
    smoke_test: bool = True
    """Call the documented example before the job serves; false opts out."""

    _origin_yaml: str | None = PrivateAttr(default=None)
    _origin_dict: dict[str, Any] | None = PrivateAttr(default=None)

    @property
    def origin_yaml_(self) -> str | None:
        """The YAML that the manifest came from: merged, without nulls, keys in their order."""
        return self._origin_yaml

    @property
    def origin_dict_(self) -> dict[str, Any] | None:
        """The map that the manifest came from, merged."""
        return self._origin_dict

    def set_origin(self, data: dict[str, Any]) -> None:
        """Remember what the manifest came from; it is never part of the manifest itself."""
        self._origin_dict = data
        self._origin_yaml = yaml.safe_dump(without_nulls(data), sort_keys=False, allow_unicode=True)

    def get_jobtype(self) -> str:
        """The job type, `name:version`, wherever it is written."""
        return self.jobtype or self.lang or ""

    def get_jobtype_extra(self) -> dict[str, Any]:
        """What the job type needs to know, wherever it is written."""
        for extra in (self.jobtype_extra, self.golang, self.python, self.wrapper_properties):
            if extra is not None:
                return extra
        return {}


def without_nulls(value: Any) -> Any:
    """The same value without the keys whose value is null, at any depth."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value
