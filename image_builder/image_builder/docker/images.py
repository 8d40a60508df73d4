"""Having an image on the engine: found by its content, or built."""

from dataclasses import dataclass

from image_builder.docker.driver import BuildDriver, ImageBuild
from image_builder.docker.engine import DockerRefused, EngineUnavailable
from image_builder.docker.failure import explain_failure
from image_builder.running.command import CommandFailed
from image_builder.running.progress import BuildProgress


@dataclass(frozen=True)
class Images:
    """The images of one engine; those that are ours say what they hold in a label.

    The engine itself is asked each time: an image that somebody removed is built again.
    """

    driver: BuildDriver
    wait_seconds: float = 30
    """How long to wait for an engine that goes away during a build."""

    def ensure(self, build: ImageBuild, progress: BuildProgress) -> None:
        """Make the image, unless the engine has one of this content, which then gets the name.

        Raises ImageNotBuilt when the Dockerfile fails, EngineUnavailable when the engine goes away.
        """
        try:
            self._ensure(build, progress)
        except EngineUnavailable as error:
            progress.log(f"{error.reason}; the build begins again when it is back")
            self.driver.engine.wait(self.wait_seconds, progress.cancellation)
            self._ensure(build, progress)

    def _ensure(self, build: ImageBuild, progress: BuildProgress) -> None:
        if not self._is_there(build, progress) and not self._name_again(build, progress):
            self._build(build, progress)

    def _build(self, build: ImageBuild, progress: BuildProgress) -> None:
        try:
            progress.run(self.driver.command(build))
        except CommandFailed as error:
            raise explain_failure(error) from error
        progress.log(f"made image {build.name}")

    def _is_there(self, build: ImageBuild, progress: BuildProgress) -> bool:
        image = self.driver.engine.find_image(build.name)
        if image is None or not build.labels.items() <= image.labels.items():
            return False
        try:
            # It counts as needed from now on.
            self.driver.engine.tag(image.id, build.name)
        except DockerRefused:
            return False  # Somebody removed it a moment ago.
        progress.log(f"image {build.name} has the same content and is used again")
        return True

    def _name_again(self, build: ImageBuild, progress: BuildProgress) -> bool:
        engine = self.driver.engine
        for image in engine.list_images(build.labels):
            try:
                engine.tag(image.id, build.name)
            except DockerRefused:
                continue  # Somebody removed it a moment ago.
            other = next(iter(image.names), image.id)
            progress.log(f"image {other} has the same content and is used again as {build.name}")
            return True
        return False
