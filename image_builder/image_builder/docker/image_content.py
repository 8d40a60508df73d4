"""The content of an image as a digest in its labels, and the reuse of images with the same content."""

import hashlib
import hmac
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from racetrack_client.docker_labels import DockerComponent, DockerLabel

from image_builder.docker.build_drivers import BuildDriver, ImageBuild, choose_driver
from image_builder.docker.build_failure import explain_failure
from image_builder.docker.docker_cli import DockerCli, DockerRefused, DockerUnavailable
from image_builder.docker.image_packages import find_packages
from image_builder.image_maker import BuildInputs
from image_builder.running.programs import Cancellation, CommandFailed
from image_builder.running.progress import BuildProgress
from image_builder.source.resolved_packages import InstalledPackages
from image_builder.source.source_tree import digest_tree

_NOT_CONTENT = frozenset({"__pycache__"})
"""Directories that Python adds to a plugin when it is imported."""


@dataclass(frozen=True)
class ContentDigests:
    """The digests of the images of one build."""

    inputs: BuildInputs
    key: bytes
    """Signs the digests of secret variables, so that values can't be guessed from them."""
    source: str
    """The digest of the job's source."""
    plugin: str
    """The digest of the plugin's directory."""

    def of_image(self, kind: str, dockerfile: str) -> str:
        """Return the digest of an image of the job; `kind` distinguishes images with equal Dockerfiles."""
        build_env = self.inputs.request.manifest.build_env
        return self._digest(kind, dockerfile, self.source, self._secrets, build_env)

    def of_jobtype(self, kind: str, dockerfile: str) -> str:
        """Return the digest of an image that is made from the job type's plugin alone."""
        return self._digest(kind, dockerfile)

    def _digest(self, *parts: str | Mapping[str, str] | None) -> str:
        content = [str(self.inputs.job_type), self.plugin, *parts]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def _secrets(self) -> str:
        variables = self.inputs.request.secret_build_env
        content = json.dumps(dict(variables), sort_keys=True).encode()
        return hmac.new(self.key, content, hashlib.sha256).hexdigest() if variables else ""


def digest_contents(inputs: BuildInputs, key: bytes) -> ContentDigests:
    """Return the digests for a build; reads its source and its plugin."""
    return ContentDigests(
        inputs,
        key,
        source=digest_tree(inputs.source.directory),
        plugin=digest_tree(inputs.job_type.plugin_dir, _NOT_CONTENT),
    )


def make_job_labels(inputs: BuildInputs, platform: str, digest: str) -> dict[str, str]:
    """Return the labels that mark an image as ours and as one of a job."""
    manifest = inputs.request.manifest
    return {
        DockerLabel.COMPONENT: DockerComponent.JOB,
        DockerLabel.PLATFORM: platform,
        DockerLabel.JOB_NAME: manifest.name,
        DockerLabel.JOB_VERSION: manifest.version,
        DockerLabel.CONTENT_DIGEST: digest,
        **_label_refreshed(inputs),
    }


def make_jobtype_labels(inputs: BuildInputs, platform: str, digest: str) -> dict[str, str]:
    """Return the labels that mark an image as ours and as a part of a job type."""
    return {
        DockerLabel.COMPONENT: DockerComponent.JOBTYPE,
        DockerLabel.PLATFORM: platform,
        DockerLabel.CONTENT_DIGEST: digest,
        **_label_refreshed(inputs),
    }


def _label_refreshed(inputs: BuildInputs) -> dict[str, str]:
    """Return the label of a build without the cache.

    Such a build only uses an image of its own deployment, which may repeat the request after a crash; later builds use
    the newest image of the content, so that they don't fall back to older packages.
    """
    request = inputs.request
    return {DockerLabel.REFRESHED_BY: request.deployment_id} if request.resolves_again else {}


class DockerImages(ABC):
    """The place where images are built and kept. All methods are called from the thread of a build, except `check`."""

    @property
    @abstractmethod
    def driver(self) -> BuildDriver:
        """The driver of builds; raises DockerUnavailable when the client is missing."""

    @abstractmethod
    def wait(self, cancellation: Cancellation) -> None:
        """Return once images can be built; raises BackendUnavailable when they can't for long, and BuildCancelled."""

    @abstractmethod
    def check(self) -> None:
        """Raise BackendUnavailable when no image can be built now. Called by the health probe."""

    @abstractmethod
    def build_or_reuse(self, build: ImageBuild, progress: BuildProgress) -> None:
        """Build the image, unless one with the same content is there, which then gets the name.

        Raises ImageNotBuilt when the Dockerfile fails, BackendUnavailable when the builder stays away.
        """

    @abstractmethod
    def find_packages(self, name: str, began_at: float) -> InstalledPackages | None:
        """Return the packages in an image, for a build that began at that time; None for images that do not tell them."""


@dataclass(frozen=True)
class EngineImages(DockerImages):
    """Builds images on one engine, or reuses those whose labels show the same content.

    The engine is asked each time, so an image that was removed meanwhile is built again.
    """

    docker: DockerCli
    wait_seconds: float = 30
    """Seconds to wait for an engine that does not answer, also for one that goes away during a build."""

    @cached_property
    def driver(self) -> BuildDriver:
        """The best driver for the installed client."""
        return choose_driver(self.docker)

    def wait(self, cancellation: Cancellation) -> None:
        """Return once the engine answers."""
        self.docker.wait(self.wait_seconds, cancellation)

    def check(self) -> None:
        """Raise DockerUnavailable unless the engine answers."""
        self.docker.check()

    def find_packages(self, name: str, began_at: float) -> InstalledPackages | None:
        """Return what the file in the image says."""
        return find_packages(self.docker, name, began_at)

    def build_or_reuse(self, build: ImageBuild, progress: BuildProgress) -> None:
        """Build the image, unless the engine has one with the same content, which then gets the name.

        Raises ImageNotBuilt when the Dockerfile fails, DockerUnavailable when the engine stays away.
        """
        try:
            self._build_unless_there(build, progress)
        except DockerUnavailable as error:
            progress.log(f"{error.reason}; the build begins again when it is back")
            self.wait(progress.cancellation)
            self._build_unless_there(build, progress)

    def _build_unless_there(self, build: ImageBuild, progress: BuildProgress) -> None:
        if not self._is_there(build, progress) and not self._name_again(build, progress):
            self._build(build, progress)

    def _build(self, build: ImageBuild, progress: BuildProgress) -> None:
        try:
            progress.run_command(self.driver.make_command(build))
        except CommandFailed as error:
            raise explain_failure(error) from error
        progress.log(f"made image {build.name}")

    def _is_there(self, build: ImageBuild, progress: BuildProgress) -> bool:
        image = self.docker.find_image(build.name)
        if image is None or not build.labels.items() <= image.labels.items():
            return False
        try:
            # Tagging it again counts as a need at this moment.
            self.docker.tag(image.id, build.name)
        except DockerRefused:
            return False  # The image was removed a moment ago.
        progress.log(f"image {build.name} has the same content and is used again")
        return True

    def _name_again(self, build: ImageBuild, progress: BuildProgress) -> bool:
        docker = self.docker
        for image in docker.list_images(build.labels):
            try:
                docker.tag(image.id, build.name)
            except DockerRefused:
                continue  # The image was removed a moment ago.
            other = next(iter(image.names), image.id)
            progress.log(f"image {other} has the same content and is used again as {build.name}")
            return True
        return False
