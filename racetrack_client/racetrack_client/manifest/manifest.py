"""The manifest: the description of a job in its `job.yaml`.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from racetrack_client.utils.quantity import Quantity

DRAIN_SECONDS = 600
"""Seconds that calls of a replaced instance may go on when its manifest does not say."""


class GitManifest(BaseModel):
    """The repository that holds the source of a job."""

    model_config = ConfigDict(extra="forbid")

    remote: str = ""
    """The `https` URL of the repository."""
    branch: str | None = None
    """Branch, tag or commit id to clone; by default the repository's default branch."""
    directory: str = "."
    """The job's directory inside the repository."""


class ResourcesManifest(BaseModel):
    """The share of a machine that a job needs, and the most that it may take."""

    model_config = ConfigDict(extra="forbid")

    memory_min: Quantity | None = None
    """Memory that is reserved for each replica, such as `256Mi`. The platform's setting is the default."""
    memory_max: Quantity | None = None
    """Memory that each replica may use at most, such as `2Gi`. The platform's setting is the default."""
    cpu_min: Quantity | None = None
    """CPU cores that are reserved for each replica, such as `100m`. The platform's setting is the default."""
    cpu_max: Quantity | None = None
    """CPU cores that each replica may use at most, such as `2`. The platform's setting is the default."""
    shm_size: Quantity | None = None
    """Shared memory of each replica in a container, `/dev/shm`, part of `memory_max`; half of that by default, 64Mi at least."""
    gpu: int | None = None
    """GPUs that each replica has to itself, on the target `kubernetes` only; none by default."""
    node_selector: dict[str, str] | None = None
    """Labels `name: value` of the nodes that may run the job, on the target `kubernetes` only. Quote numbers."""
    tolerations: list[str] | None = None
    """Taints `key=value:effect` or `key:effect` of nodes that may run the job, on `kubernetes`, if the platform permits it."""


class Manifest(BaseModel):
    """A job's manifest. The types are checked here; every other rule is in `validate`."""

    model_config = ConfigDict(extra="forbid")

    name: str
    """Name of the job's family, part of its URL: a-z, 0-9 and inner dashes."""
    owner_email: str
    """E-mail address of the person or team that answers for the job."""
    git: GitManifest = Field(default_factory=GitManifest)
    """Repository of the source; needed only where the builder clones it instead of receiving files."""
    build_context: Literal["local", "git"] | None = None
    """`git` lets the builder clone `git.remote` at each deployment; otherwise `racetrack deploy` sends the directory."""
    version: str = "0.0.1"
    """Semantic version such as `1.2.3` or `1.3.0-rc1`; quote it where YAML would read a number."""
    jobtype: str | None = None
    """The job type, `name:version`; `python3:latest` means its newest version."""
    lang: str | None = None
    """Deprecated name of `jobtype`."""
    extends: str | None = None
    """Path of the base manifest, relative to this one, over which this one is laid."""
    image_type: str = "docker"
    """Only `docker` is accepted; the key remains for manifests of older clients."""
    system_dependencies: list[str] | None = None
    """Debian packages to install into the job's image, such as `libgomp1`; process targets cannot install them."""
    build_env: dict[str, str] | None = None
    """Variables of the environment while the image is built. The values are texts: quote numbers."""
    runtime_env: dict[str, str] | None = None
    """Variables of the running job's environment. The values are texts: quote numbers."""
    secret_build_env_file: str | None = None
    """File of `KEY=value` lines beside the manifest: secrets of the build, kept out of source and image."""
    secret_runtime_env_file: str | None = None
    """File of `KEY=value` lines beside the manifest: secrets of the running job, kept out of source and image."""
    labels: dict[str, Any] | None = None
    """Values of your own that are shown with the job."""
    public_endpoints: list[str] | None = None
    """Paths such as `/api/v1/perform` that callers without a token may call, once an administrator has agreed."""
    replicas: int = 1
    """Number of running copies among which calls are spread, 1 to 50."""
    resources: ResourcesManifest | None = None
    """Memory, CPU cores and GPUs of each replica, and the nodes for them."""
    jobtype_extra: dict[str, Any] | None = None
    """Keys that belong to the job type, such as `entrypoint_path` of `python3`."""
    golang: dict[str, Any] | None = None
    """Deprecated name of `jobtype_extra`."""
    python: dict[str, Any] | None = None
    """Deprecated name of `jobtype_extra`."""
    docker: dict[str, Any] | None = None
    """Deprecated name of `jobtype_extra`."""
    wrapper_properties: dict[str, Any] | None = None
    """Deprecated name of `jobtype_extra`."""
    infrastructure_target: str | None = None
    """Infrastructure target that runs the job; needed only where the platform has several and no default."""
    smoke_test: bool = True
    """Call the job's documented examples before a new instance serves; `false` opts out."""
    smoke_test_timeout: float | None = None
    """Seconds that the job may take to answer each example, up to 3600. The platform's setting is the default."""
    drain_seconds: float = DRAIN_SECONDS
    """Seconds that calls of a replaced instance may go on, up to 86400; an instance without calls ends sooner."""

    _origin_yaml: str | None = PrivateAttr(default=None)
    _origin_dict: dict[str, Any] | None = PrivateAttr(default=None)

    @property
    def origin_yaml_(self) -> str | None:
        """The YAML that the manifest was parsed from: merged, without nulls, keys in their original order."""
        if self._origin_yaml is None and self._origin_dict is not None:
            known = without_nulls(self._origin_dict)
            self._origin_yaml = yaml.safe_dump(known, sort_keys=False, allow_unicode=True)
        return self._origin_yaml

    @property
    def origin_dict_(self) -> dict[str, Any] | None:
        """The merged map that the manifest was parsed from."""
        return self._origin_dict

    def set_origin(self, data: dict[str, Any]) -> None:
        """Store the map that the manifest was parsed from; it is not part of the model's fields."""
        self._origin_dict = data
        self._origin_yaml = None  # Few ask for it, and writing YAML takes long.

    def get_jobtype(self) -> str:
        """Return the job type, `name:version`, from `jobtype` or its deprecated name."""
        return self.jobtype or self.lang or ""

    def get_jobtype_extra(self) -> dict[str, Any]:
        """Return the job type's own settings, from `jobtype_extra` or one of its deprecated names."""
        for extra in (self.jobtype_extra, self.golang, self.python, self.wrapper_properties):
            if extra is not None:
                return extra
        return {}


def without_nulls(value: Any) -> Any:
    """Return the value without the keys that hold null, at any depth."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value
