"""Removing our own images that nobody needs any more, and old build cache.

Only images with our labels are looked at, so that others on the same engine keep theirs. Of each job the newest images stay:
Lifecycle may go back to them. What a container uses stays too.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from racetrack_client.log.logs import get_logger
from racetrack_commons.clock import Clock

from image_builder.build.command import CommandFailed
from image_builder.docker.content import JOB_VERSION_LABEL, PLATFORM_LABEL
from image_builder.docker.engine import DockerEngine, LocalImage

logger = get_logger(__name__)


@dataclass(frozen=True)
class PruneRules:
    """What is old enough to go."""

    retention_hours: int
    """Younger images and cache stay."""
    kept_images_per_job: int
    """So many images of each job stay, whatever their age."""


@dataclass(frozen=True)
class ImagePruner:
    """Prunes the images of one platform on one engine."""

    engine: DockerEngine
    platform: str
    rules: PruneRules
    clock: Clock = field(default_factory=Clock)

    def prune(self) -> list[str]:
        """Remove what is old and unused; returns the names of the images that went."""
        images = self.engine.list_images({PLATFORM_LABEL: self.platform})
        kept = _list_newest(images, self.rules.kept_images_per_job) | self.engine.list_used_images()
        oldest = self.clock.now() - timedelta(hours=self.rules.retention_hours)
        removed = [
            name
            for image in images
            if image.id not in kept and image.changed_at < oldest
            # By name and without force: what got another name meanwhile, or a container, stays.
            for name in image.names or [image.id]
            if self.engine.remove(name)
        ]
        self.engine.prune_cache(self.rules.retention_hours)
        return removed


@dataclass(frozen=True)
class PruneSchedule:
    """Prunes in the background."""

    pruner: ImagePruner
    interval_minutes: float
    _stopped: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin; the first time comes after one interval."""
        threading.Thread(target=self._run, name="image pruning", daemon=True).start()

    def stop(self) -> None:
        """Do not begin again."""
        self._stopped.set()

    def _run(self) -> None:
        while not self.pruner.clock.wait(self._stopped, self.interval_minutes * 60):
            try:
                removed = self.pruner.prune()
            except CommandFailed as error:
                logger.warning(f"old images can't be pruned now: {error}")
            else:
                logger.info(f"pruned {len(removed)} old images")


def _list_newest(images: Iterable[LocalImage], count: int) -> set[str]:
    """Return the ids of the newest images of each job, and of each repository: one job may have several images."""
    groups: dict[tuple[str, str], list[LocalImage]] = defaultdict(list)
    for image in images:
        version = image.labels.get(JOB_VERSION_LABEL, "")
        for repository in {name.rpartition(":")[0] for name in image.names}:
            groups[repository, version].append(image)
    newest = (
        sorted(group, key=lambda image: image.changed_at, reverse=True)[:count]
        for group in groups.values()
    )
    return {image.id for group in newest for image in group}
