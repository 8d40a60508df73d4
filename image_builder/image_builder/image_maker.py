"""The port behind which images are made: as processes' directories, or on a Docker engine."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from image_builder.build_request import BuildRequest
from image_builder.job_type.job_type import JobType
from image_builder.job_type.template import TemplateContext
from image_builder.running.progress import BuildProgress
from image_builder.source.requirements import list_files
from image_builder.source.source_tree import Source


@dataclass(frozen=True)
class ImageOrder:
    """What shall be made into images."""

    request: BuildRequest
    source: Source
    job_type: JobType
    workspace: Path
    """For files of the build that are not part of the source, such as secrets."""
    racetrack_version: str

    @property
    def template_context(self) -> TemplateContext:
        """What templates of this order may read; ValidationError when a file of requirements is not there."""
        return TemplateContext(
            manifest=self.request.manifest,
            git_version=self.source.git_version,
            job_type_version=self.job_type.version,
            racetrack_version=self.racetrack_version,
            requirements_files=self._list_requirements_files(),
        )

    def _list_requirements_files(self) -> Sequence[str]:
        path = self.request.manifest.get_jobtype_extra().get("requirements_path")
        return list_files(self.source.directory, str(path)) if path else ()


@dataclass(frozen=True)
class MadeImages:
    """What was made, or found to be there already."""

    names: Sequence[str]
    tag: str


class ImageMaker(ABC):
    """Makes images of one kind."""

    @abstractmethod
    def prepare(self, order: ImageOrder, progress: BuildProgress) -> None:
        """Check whether the order can be made, before anything is started; raises ValidationError when it can't."""

    @abstractmethod
    def make(self, order: ImageOrder, progress: BuildProgress) -> MadeImages:
        """Make all images of a job, or find those that a build of the same content made.

        Names the phases `building image (i/n)`. Raises CommandFailed when a program fails. Repeating it is harmless.
        """
