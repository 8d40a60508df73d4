"""Values that the command line and the services share: scopes, images, the body of the deploy call."""

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

IMAGE_FILE = "image.json"
"""The file that describes the image of a process; it holds a `ProcessImage`."""
SOURCE_DIRECTORY = "source"
"""The directory beside it, with the job's source."""


class AuthScope(StrEnum):
    """The scope of a permission: the kind of action that it allows."""

    READ_JOB = "read_job"
    DEPLOY_JOB = "deploy_job"
    DEPLOY_NEW_FAMILY = "deploy_new_family"
    DELETE_JOB = "delete_job"
    CALL_JOB = "call_job"
    CALL_ADMIN_API = "call_admin_api"
    FULL_ACCESS = "full_access"
    """Includes every other scope."""


class ImageKind(StrEnum):
    """The kind of image that a build makes and an infrastructure target runs."""

    DOCKER = "docker"
    """Container images."""
    PROCESS = "process"
    """A directory with the job's source, run in a Python environment."""


class BuildFlag(StrEnum):
    """Options of a build that a deployment passes on to the builder."""

    NO_CACHE = "--no-cache"
    """Use nothing of earlier builds."""
    UPGRADE = "--upgrade"
    """Resolve requirements again that allow several versions, branches or tags."""


NO_SOCKET = -1
"""Stands at the place of `{fd}` when the job is to listen at its port by itself."""


def fill_places(command: Sequence[str], **values: object) -> list[str]:
    """Return a command in which values are filled in for the arguments `{python}`, `{host}`, `{port}` and `{fd}`."""
    places = {f"{{{name}}}": str(value) for name, value in values.items()}
    return [places.get(part, part) for part in command]


class ProcessImage(BaseModel):
    """An image of a process, as its `image.json` describes it; see docs/targets.md."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    job_name: str = ""
    job_version: str = ""
    image_tag: str = ""
    content_digest: str = ""
    """The digest of everything that affects the job: source, job type, environment, variables."""
    job_type_version: str = ""
    python: str
    """The interpreter of the image's environment."""
    command: Sequence[str]
    """The command that starts the job, with placeholders; see `fill_command`."""
    environment: dict[str, str] = Field(default_factory=dict)
    workdir: str = SOURCE_DIRECTORY
    """The directory that the command runs in, relative to that of the image."""

    @classmethod
    def load(cls, directory: Path) -> "ProcessImage":
        """Read the image in a directory; raises OSError when the file is missing, ValueError when it is damaged."""
        return cls.model_validate_json((directory / IMAGE_FILE).read_text("utf-8"))

    def fill_command(self, host: str, port: int) -> list[str]:
        """Return the command with its placeholders filled in; the job then listens at host and port."""
        return fill_places(self.command, python=self.python, host=host, port=port, fd=NO_SOCKET)

    def make_path_variables(self, path: str) -> dict[str, str]:
        """Return the variables by which the job finds programs: those of its environment first, never those of the caller's."""
        environment = Path(self.python).parents[1]
        is_virtual = (environment / "pyvenv.cfg").is_file()
        folders = [str(Path(self.python).parent), *filter(None, path.split(os.pathsep))]
        hidden = set() if sys.prefix == sys.base_prefix else {Path(sys.prefix, "bin").resolve()}
        own, *others = dict.fromkeys(folders)
        visible = [own, *(each for each in others if Path(each).resolve() not in hidden)]
        variables = {"PATH": os.pathsep.join(visible)}
        return variables | ({"VIRTUAL_ENV": str(environment)} if is_virtual else {})


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
    deployment_id: str | None = None
    """An id that the client made up, so that it can send the same deployment again when no answer arrived; a UUID."""

    def get_secret_vars(self) -> SecretVars:
        """Return the secret variables; empty ones when the client sent null."""
        return self.secret_vars or SecretVars()


def job_resource_name(name: str, version: str) -> str:
    """Return the name of a job's container or other resource: `job-<name>-v-<version>`, with dashes for dots."""
    return f"job-{name}-v-{version}".replace(".", "-")
