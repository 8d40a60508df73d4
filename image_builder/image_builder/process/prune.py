"""Removing images of process jobs, and environments, that nobody needs any more."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from racetrack_commons.entities.dto import JobImage

from image_builder.process.environment import Environments
from image_builder.process.image_store import ImageStore
from image_builder.process.warm_up import EnvironmentWarmer


@dataclass(frozen=True)
class ProcessImagePruner:
    """Prunes the directories that builders of one machine share; several may do so at once."""

    images: ImageStore
    environments: Environments
    warmer: EnvironmentWarmer

    def prune(self, needed: Collection[JobImage], before: datetime) -> list[str]:
        """Remove what is not needed, and was last needed before that moment; return the names of what is gone.

        An environment is needed as long as an image stands on it, or the next job may by its job type.
        """
        # Also what a builder left that was killed at it.
        self.images.remove_leftovers()
        self.environments.remove_leftovers()
        removed = self.images.remove_unneeded(needed, before)
        pythons = self.images.list_pythons() | self.warmer.list_pythons()
        return removed + self.environments.remove_unneeded(pythons, before)
