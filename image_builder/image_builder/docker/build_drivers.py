"""Drivers that build one image, each for another ability of the Docker client."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from image_builder.docker.docker_cli import DockerCli, DockerRefused
from image_builder.running.programs import Command

SECRETS_ID = "build_secrets"
"""The id of the secret variables in Dockerfiles: `RUN --mount=type=secret,id=build_secrets`."""
_FIRST_WITHOUT_BUILDKIT = 23
"""The first client version that has BuildKit only through the buildx plugin."""


@dataclass(frozen=True)
class ImageBuild:
    """The parameters of the build of one image."""

    name: str
    dockerfile: Path
    context: Path
    labels: Mapping[str, str]
    named_contexts: Mapping[str, Path] = field(default_factory=dict)
    """Additional directories, by the name that the Dockerfile uses in `COPY --from`."""
    secrets_file: Path | None = None
    no_cache: bool = False
    network: str = "default"
    """Network of the Dockerfile's RUN steps."""
    timeout_seconds: float = 3600


@dataclass(frozen=True)
class BuildDriver(ABC):
    """Builds images in one way that a Docker client offers."""

    docker: DockerCli

    name: ClassVar[str]
    has_named_contexts: ClassVar[bool] = False
    """True if a build may have named contexts beside its main one."""
    has_secrets: ClassVar[bool] = True
    """True if a build can use secrets without storing them in its image."""

    @abstractmethod
    def make_command(self, build: ImageBuild) -> Command:
        """Return the command that builds the image on the engine and prints its progress in lines.

        Called once for each image, from the thread of the build. Raises nothing.
        """


@dataclass(frozen=True)
class BuildxDriver(BuildDriver):
    """`docker buildx build`."""

    name: ClassVar[str] = "docker buildx"
    has_named_contexts: ClassVar[bool] = True

    def make_command(self, build: ImageBuild) -> Command:
        """Return the command, with named contexts and secrets."""
        contexts = [f"--build-context={name}={path}" for name, path in build.named_contexts.items()]
        output = self.list_output(build)
        arguments = ["buildx", "build", *output, "--progress=plain", *contexts, *_secrets(build)]
        variables = {
            "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
            # The workspace may lie in a checkout that has nothing to do with the job.
            "BUILDX_GIT_INFO": "false",
            "BUILDX_CONFIG": str(self.locate_configuration(build)),
        }
        return _command(self.docker, arguments, build, variables)

    def list_output(self, _build: ImageBuild) -> list[str]:
        """Return the options that say where the image goes: to the engine."""
        return ["--load"]

    def locate_configuration(self, build: ImageBuild) -> Path:
        """Return the directory of buildx's state: the workspace.

        The home of a service may be read-only, and a builder that a user chose with `docker buildx use` is not meant for
        this service.
        """
        return build.dockerfile.with_name(".buildx")


@dataclass(frozen=True)
class BuildKitDriver(BuildDriver):
    """`docker build` of a client with built-in BuildKit."""

    name: ClassVar[str] = "docker build with BuildKit"

    def make_command(self, build: ImageBuild) -> Command:
        """Return the command, with secrets."""
        arguments = ["build", "--progress=plain", *_secrets(build)]
        return _command(self.docker, arguments, build, {"DOCKER_BUILDKIT": "1"})


@dataclass(frozen=True)
class ClassicDriver(BuildDriver):
    """`docker build` without BuildKit: works with every client, but without secrets and mounts."""

    name: ClassVar[str] = "the classic docker build"
    has_secrets: ClassVar[bool] = False

    def make_command(self, build: ImageBuild) -> Command:
        """Return the command of a build without BuildKit."""
        return _command(self.docker, ["build", "--force-rm"], build, {"DOCKER_BUILDKIT": "0"})


def choose_driver(docker: DockerCli) -> BuildDriver:
    """Return the best driver for the installed client; raises DockerUnavailable when the client is missing."""
    try:
        docker.ask(["buildx", "version"])
    except DockerRefused:
        version = docker.ask(["version", "--format", "{{.Client.Version}}"])
        major = re.match(r"\d+", version.strip())
        has_buildkit = major is not None and int(major[0]) < _FIRST_WITHOUT_BUILDKIT
        return BuildKitDriver(docker) if has_buildkit else ClassicDriver(docker)
    return BuildxDriver(docker)


def _command(
    docker: DockerCli, arguments: list[str], build: ImageBuild, variables: Mapping[str, str]
) -> Command:
    labels = [f"--label={name}={value}" for name, value in build.labels.items()]
    no_cache = ["--no-cache"] if build.no_cache else []
    return Command(
        [
            *(docker.client, *arguments, f"--network={build.network}", *labels, *no_cache),
            *(f"--tag={build.name}", f"--file={build.dockerfile}", str(build.context)),
        ],
        {**docker.environment, **variables},
        timeout_seconds=build.timeout_seconds,
        remembered_lines=80,
    )


def _secrets(build: ImageBuild) -> list[str]:
    return (
        [] if build.secrets_file is None else [f"--secret=id={SECRETS_ID},src={build.secrets_file}"]
    )
