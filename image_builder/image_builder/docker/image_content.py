"""The content of an image as a digest in its labels, and the reuse of images with the same content."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass

from racetrack_client.docker_labels import DockerComponent, DockerLabel

from image_builder.docker.build_drivers import BuildDriver, ImageBuild
from image_builder.docker.build_failure import explain_failure
from image_builder.docker.docker_cli import DockerRefused, DockerUnavailable
from image_builder.image_maker import BuildInputs
from image_builder.running.programs import CommandFailed
from image_builder.running.progress import BuildProgress
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


@dataclass(frozen=True)
class EngineImages:
    """Builds images on one engine, or reuses those whose labels show the same content.

    The engine is asked each time, so an image that was removed meanwhile is built again.
    """

    driver: BuildDriver
    wait_seconds: float = 30
    """Seconds to wait for an engine that goes away during a build."""

    def build_or_reuse(self, build: ImageBuild, progress: BuildProgress) -> None:
        """Build the image, unless the engine has one with the same content, which then gets the name.

        Raises ImageNotBuilt when the Dockerfile fails, DockerUnavailable when the engine stays away.
        """
        try:
            self._build_unless_there(build, progress)
        except DockerUnavailable as error:
            progress.log(f"{error.reason}; the build begins again when it is back")
            self.driver.docker.wait(self.wait_seconds, progress.cancellation)
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
        image = self.driver.docker.find_image(build.name)
        if image is None or not build.labels.items() <= image.labels.items():
            return False
        try:
            # Tagging it again counts as a need at this moment.
            self.driver.docker.tag(image.id, build.name)
        except DockerRefused:
            return False  # The image was removed a moment ago.
        progress.log(f"image {build.name} has the same content and is used again")
        return True

    def _name_again(self, build: ImageBuild, progress: BuildProgress) -> bool:
        docker = self.driver.docker
        for image in docker.list_images(build.labels):
            try:
                docker.tag(image.id, build.name)
            except DockerRefused:
                continue  # The image was removed a moment ago.
            other = next(iter(image.names), image.id)
            progress.log(f"image {other} has the same content and is used again as {build.name}")
            return True
        return False
