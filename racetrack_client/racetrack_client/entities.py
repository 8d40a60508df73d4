"""Words and values that the command line and the services share: names, scopes, images, the deploy call."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

IMAGE_FILE = "image.json"
"""The file that makes a directory an image of a process; it holds a `ProcessImage`."""
SOURCE_DIRECTORY = "source"
"""The directory beside it, with the job's source."""


class AuthScope(StrEnum):
    """What a permission allows."""

    READ_JOB = "read_job"
    DEPLOY_JOB = "deploy_job"
    DEPLOY_NEW_FAMILY = "deploy_new_family"
    DELETE_JOB = "delete_job"
    CALL_JOB = "call_job"
    CALL_ADMIN_API = "call_admin_api"
    FULL_ACCESS = "full_access"
    """Stands for every other scope."""


class ImageKind(StrEnum):
    """What a build makes, and what an infrastructure target runs."""

    DOCKER = "docker"
    """Container images."""
    PROCESS = "process"
    """A directory with the job's source, and a Python environment."""


class ProcessImage(BaseModel):
    """An image of a process, as its `image.json` describes it; see docs/targets.md."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    job_name: str = ""
    job_version: str = ""
    image_tag: str = ""
    content_digest: str = ""
    """Digest of all that decides what the job does: source, job type, environment, variables."""
    job_type_version: str = ""
    python: str
    """The interpreter of the image's environment."""
    command: Sequence[str]
    """The command that serves the job, with places to fill; see `fill_command`."""
    environment: dict[str, str] = Field(default_factory=dict)
    workdir: str = SOURCE_DIRECTORY
    """The directory that the command runs in, relative to that of the image."""

    @classmethod
    def load(cls, directory: Path) -> "ProcessImage":
        """Read the image in a directory; OSError when the file is not there, ValueError when it is damaged."""
        return cls.model_validate_json((directory / IMAGE_FILE).read_text())

    def fill_command(self, host: str, port: int) -> list[str]:
        """Return the command that makes the job listen there: `{python}`, `{host}` and `{port}` are filled in."""
        places = {"{python}": self.python, "{host}": host, "{port}": str(port)}
        return [places.get(part, part) for part in self.command]


class DockerLabel(StrEnum):
    """Labels of images, containers and networks; by them, and never by names, they are known as ours."""

    COMPONENT = "racetrack-component"
    """A `DockerComponent`."""
    PLATFORM = "racetrack-platform"
    JOB_NAME = "job-name"
    JOB_VERSION = "job-version"
    CONTENT_DIGEST = "racetrack-content-digest"
    """Of an image: the digest of all that decides its content."""
    INSTANCE = "racetrack-instance"
    REPLICA = "racetrack-replica"
    CONTAINER = "racetrack-container"
    SIZE = "racetrack-instance-size"
    ADDRESS = "racetrack-address"


class DockerComponent(StrEnum):
    """Values of the label `COMPONENT`."""

    JOB = "job"
    JOBTYPE = "jobtype"
    """Images that hold the files of a job type, or the base of its images."""


class Credentials(BaseModel):
    """User name and password, or token, of a git host."""

    username: str
    password: str = Field(repr=False)


class SecretVars(BaseModel):
    """Secret variables of a job, from the files that its manifest names."""

    build_env: dict[str, str] = Field(default_factory=dict)
    runtime_env: dict[str, str] = Field(default_factory=dict)


class DeployPayload(BaseModel):
    """Body of `POST /api/v1/deploy` and `/api/v1/build`."""

    manifest: dict[str, Any]
    git_credentials: Credentials | None = None
    secret_vars: SecretVars | None = None
    build_context: str | None = None
    """Base64 of a gzip-compressed tar of the job's directory; null means: clone `git.remote`."""
    force: bool | None = None
    build_flags: list[str] = Field(default_factory=list)

    def get_secret_vars(self) -> SecretVars:
        """Return the secret variables; none when the client sent null."""
        return self.secret_vars or SecretVars()


def job_resource_name(name: str, version: str) -> str:
    """Return the name of what runs a job: `job-<name>-v-<version>`, dots as dashes."""
    return f"job-{name}-v-{version}".replace(".", "-")
