"""Settings about the places of images, which the services that build images and those that run them have in common."""

from pathlib import Path

from racetrack_commons.deploy.image import ImageRegistry
from racetrack_commons.settings import Settings


class ImagePlaces(Settings):
    """The base of the settings of these services, which must have the same values."""

    images_dir: Path = Path("data/images")
    """Directory of the images of process jobs."""
    environments_dir: Path = Path("data/environments")
    """Directory of the virtual environments of process jobs."""
    docker_registry: str = ""
    """Registry that job images are pushed to and pulled from. Empty: images stay on the Docker engine that made them."""
    docker_registry_namespace: str = "racetrack"
    """Namespace of job images in the registry."""
    platform_name: str = "racetrack"
    """Name that distinguishes this platform's images and containers from another platform's on the same Docker engine."""

    @property
    def image_registry(self) -> ImageRegistry:
        """The registry and its namespace, which name the images of jobs."""
        return ImageRegistry(self.docker_registry, self.docker_registry_namespace)
