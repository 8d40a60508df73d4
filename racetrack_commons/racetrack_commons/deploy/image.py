"""Names of container images.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageRegistry:
    """The place of images: a registry, and a namespace in it."""

    address: str
    """An empty text keeps images on the engine."""
    namespace: str

    def name_image(self, kind: str, name: str) -> str:
        """Return the whole name of an image; the given name ends with a tag."""
        return "/".join(part for part in (self.address, self.namespace, kind, name) if part)

    def name_job_image(self, job_name: str, tag: str, index: int = 0) -> str:
        """Return the name of a job's image; the images of its further containers have an index from 1 up."""
        kind = "job-entrypoint" if index == 0 else f"job-{index}"
        return self.name_image(kind, f"{job_name}:{tag}")


def get_job_image(registry: str, namespace: str, name: str, tag: str, index: int = 0) -> str:
    """Return the name of a job's image, as `ImageRegistry.name_job_image` does."""
    return ImageRegistry(registry, namespace).name_job_image(name, tag, index)
