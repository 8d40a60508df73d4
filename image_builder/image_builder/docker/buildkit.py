"""Building by a BuildKit that runs elsewhere, without a Docker engine: images go from it to the registry at once.

The client is that of Docker with its buildx plugin, whose driver `remote` speaks to BuildKit. BuildKit keeps the cache of
builds, and no images.
"""

import re
import socket
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from racetrack_client.log.errors import ValidationError

from image_builder.docker.build_drivers import BuildxDriver, ImageBuild, choose_driver
from image_builder.docker.build_failure import explain_failure
from image_builder.docker.docker_cli import DockerCli, is_about_absence
from image_builder.docker.image_content import DockerImages
from image_builder.docker.push import ImageNotPushed, describe_push_refusal
from image_builder.image_maker import BackendUnavailable
from image_builder.metrics import BuilderMetrics
from image_builder.running.programs import Cancellation, Command, CommandFailed
from image_builder.running.progress import BuildProgress
from image_builder.source.resolved_packages import InstalledPackages

_BUILDER = "racetrack"
_CHECK_SECONDS = 3.0
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 3.0
_LAST_WORDS = 3
_PUSH = re.compile(r"failed to push|failed to authorize|pushing .*ERROR", re.IGNORECASE)


class BuildKitUnavailable(BackendUnavailable):
    """BuildKit does not answer."""


@dataclass(frozen=True)
class BuildKitCertificates:
    """Files by which builder and BuildKit know each other over TCP; None where they need not."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def list_options(self) -> list[str]:
        """Return the options of the driver."""
        named = {"cacert": self.ca, "cert": self.certificate, "key": self.key}
        return [f"--driver-opt={name}={path}" for name, path in named.items() if path]


@dataclass(frozen=True)
class BuildKit:
    """A BuildKit at `tcp://host:port` or `unix:///path`. Any thread may use it."""

    docker: DockerCli
    address: str
    certificates: BuildKitCertificates = BuildKitCertificates()

    def check(self) -> None:
        """Raise BuildKitUnavailable unless a program listens at the address."""
        url = urlsplit(self.address)
        try:
            if url.scheme == "unix":
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.settimeout(_CHECK_SECONDS)
                    connection.connect(url.path)
            else:
                host = (url.hostname or "", url.port or 0)
                socket.create_connection(host, _CHECK_SECONDS).close()
        except OSError as error:
            raise BuildKitUnavailable(
                f"no BuildKit answers at {self.address} ({error.strerror or error}); start it, or correct BUILDKIT_ADDRESS",
                [],
            ) from error

    def wait(self, seconds: float, cancellation: Cancellation) -> None:
        """Return once BuildKit answers; raises BuildKitUnavailable when it does not within `seconds`.

        Raises BuildCancelled as soon as the build is cancelled.
        """
        deadline = time.monotonic() + seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return self.check()
            except BuildKitUnavailable:
                if time.monotonic() + pause > deadline:
                    raise
            cancellation.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def describe_to(self, configuration: Path) -> None:
        """Write buildx's description of this BuildKit into a directory; nothing is sent to it yet."""
        self.docker.ask(
            [
                *("buildx", "create", f"--name={_BUILDER}", "--driver=remote"),
                *(*self.certificates.list_options(), self.address),
            ],
            {"BUILDX_CONFIG": str(configuration)},
        )

    def remove_old_cache(self, unused_hours: int) -> str:
        """Remove build cache that was unused for `unused_hours`; return the client's summary."""
        with tempfile.TemporaryDirectory() as configuration:
            self.describe_to(Path(configuration))
            arguments = ["buildx", "prune", f"--builder={_BUILDER}", "--force"]
            variables = {"BUILDX_CONFIG": configuration}
            return self.docker.ask([*arguments, f"--filter=until={unused_hours}h"], variables)


@dataclass(frozen=True)
class RemoteBuildxDriver(BuildxDriver):
    """`docker buildx build` at a remote BuildKit, which pushes the image."""

    is_registry_insecure: bool = False

    name: ClassVar[str] = "BuildKit"

    def list_output(self, build: ImageBuild) -> list[str]:
        """Return the options that push the image to the registry of its name."""
        insecure = ",registry.insecure=true" if self.is_registry_insecure else ""
        # Another network than the default is a right that the client has to grant.
        host = ["--allow=network.host"] if build.network == "host" else []
        return [f"--builder={_BUILDER}", f"--output=type=image,push=true{insecure}", *host]


@dataclass(frozen=True)
class RegistryImages(DockerImages):
    """Builds images at BuildKit, which pushes them. The unchanged parts of a build come from its cache."""

    buildkit: BuildKit
    registry: str
    metrics: BuilderMetrics
    is_registry_insecure: bool = False
    wait_seconds: float = 30
    """Seconds to wait for a BuildKit that goes away during a build."""

    @cached_property
    def driver(self) -> RemoteBuildxDriver:
        """The driver; raises ValidationError where the client lacks buildx, DockerUnavailable where there is no client."""
        docker = self.buildkit.docker
        if not isinstance(choose_driver(docker), BuildxDriver):
            raise ValidationError("BUILDKIT_ADDRESS needs the buildx plugin of Docker's client")
        return RemoteBuildxDriver(docker, self.is_registry_insecure)

    def wait(self, cancellation: Cancellation) -> None:
        """Return once BuildKit answers."""
        self.buildkit.wait(self.wait_seconds, cancellation)

    def check(self) -> None:
        """Raise BuildKitUnavailable unless BuildKit answers."""
        self.buildkit.check()

    def build_or_reuse(self, build: ImageBuild, progress: BuildProgress) -> None:
        """Build the image and push it.

        Raises ImageNotBuilt when the Dockerfile fails, ImageNotPushed when the registry refuses the image, and
        BuildKitUnavailable when BuildKit stays away.
        """
        self.buildkit.describe_to(self.driver.locate_configuration(build))
        command = self.driver.make_command(build)
        try:
            self._build(command, build.name, progress)
        except BuildKitUnavailable as error:
            progress.log(f"{error.reason}; the build begins again when it is back")
            self.wait(progress.cancellation)
            self._build(command, build.name, progress)
        self.metrics.images_pushed.inc()

    def find_packages(self, name: str, began_at: float) -> InstalledPackages | None:
        """Return None: the content of an image would have to be fetched from the registry."""

    def _build(self, command: Command, name: str, progress: BuildProgress) -> None:
        try:
            progress.run_command(command)
        except CommandFailed as error:
            raise self._explain(name, error) from error
        progress.log(f"made and pushed image {name}")

    def _explain(self, name: str, error: CommandFailed) -> CommandFailed:
        last: Sequence[str] = [line for line in error.last_lines if line.strip()][-_LAST_WORDS:]
        if is_about_absence(last):
            reason = f"BuildKit at {self.buildkit.address} went away"
            return BuildKitUnavailable(reason, last)
        if any(_PUSH.search(line) for line in last):
            cause = describe_push_refusal(
                self.registry, last, "BuildKit", "set BUILDKIT_INSECURE_REGISTRY=true"
            )
            return ImageNotPushed(f"{name} can't be pushed: {cause}", last)
        return explain_failure(error)


def check_address(address: str) -> None:
    """Raise ValidationError unless the builder can speak to a BuildKit at this address."""
    url = urlsplit(address)
    try:
        is_usable = bool(url.hostname and url.port) if url.scheme == "tcp" else bool(url.path)
    except ValueError:
        is_usable = False
    if url.scheme not in ("tcp", "unix") or not is_usable:
        raise ValidationError(
            f"BUILDKIT_ADDRESS is {address!r}; it has to be tcp://HOST:PORT, or unix:///PATH"
        )
