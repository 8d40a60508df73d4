"""The packages inside an image: its label names the file that the installer of the job type wrote."""

import json

from racetrack_client.docker_labels import DockerLabel

from image_builder.docker.docker_cli import DockerCli, DockerRefused
from image_builder.source.requirements import get_name
from image_builder.source.resolved_packages import InstalledPackages


def find_packages(docker: DockerCli, image_name: str, began_at: float) -> InstalledPackages | None:
    """Return the packages in an image, for a build that began at that time; None for images that do not tell them."""
    image = docker.find_image(image_name)
    path = image.labels.get(DockerLabel.PACKAGES) if image else None
    if path is None:
        return None
    try:
        content = json.loads(docker.read_file(image_name, path) or b"")
        resolved = {get_name(name): str(version) for name, version in content["resolved"].items()}
        made_at = float(content["made_at"])
    except (DockerRefused, ValueError, KeyError, TypeError, AttributeError):
        return None
    return InstalledPackages(resolved, made_at, is_reused=made_at < began_at)
