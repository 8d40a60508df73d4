"""Removing our own images that nobody needs any more.

Only images with our labels are looked at, so that others on the same engine keep theirs; what a container uses stays.
When the engine says that an image was named last is when it was made or last known to be needed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from racetrack_commons.entities.dto import JobImage

from image_builder.docker.content import PLATFORM_LABEL
from image_builder.docker.engine import DockerEngine, DockerRefused, LocalImage


@dataclass(frozen=True)
class DockerImagePruner:
    """Prunes the images of one platform on one engine; several may do so at once."""

    engine: DockerEngine
    platform: str

    def prune(self, needed: Collection[JobImage], before: datetime, now: datetime) -> list[str]:
        """Remove what is not needed, and was last needed before that moment; return the names of what is gone.

        Raises EngineUnavailable when the engine goes away meanwhile.
        """
        images = self.engine.list_images({PLATFORM_LABEL: self.platform})
        used = self.engine.list_used_images()
        # What was named since then is neither named again nor loses a name: a deployment may be about to need it.
        lately = now - (now - before) / 4
        removed = []
        for image in images:
            wanted = [name for name in image.names if _parse_name(name) in needed]
            if wanted:
                removed += self._keep(image, wanted, lately)
            elif image.id not in used:
                removed += self._remove(image.names or [image.id], before)
        return removed

    def _keep(self, image: LocalImage, wanted: Sequence[str], lately: datetime) -> list[str]:
        """Note that an image is needed, and take the names from it under which it is not."""
        if image.changed_at >= lately:
            return []
        removed = self._remove([name for name in image.names if name not in wanted], lately)
        try:
            self.engine.tag(wanted[0], wanted[0])
        except DockerRefused:
            return removed  # Somebody removed it.
        return removed

    def _remove(self, names: Sequence[str], before: datetime) -> list[str]:
        return [name for name in names if self._is_old(name, before) and self.engine.remove(name)]

    def _is_old(self, name: str, before: datetime) -> bool:
        """Look again: a build may have found a use for the image since."""
        image = self.engine.find_image(name)
        return image is not None and image.changed_at < before


def _parse_name(name: str) -> JobImage:
    repository, _, tag = name.rpartition(":")
    return JobImage(job_name=repository.rpartition("/")[2], image_tag=tag)
