"""The ports behind which images are made, as directories of processes or on a Docker engine, and what they exchange."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Protocol

from racetrack_commons.entities.dto import JobImage
from racetrack_commons.plugin.job_types import JobType

from image_builder.build_request import BuildRequest
from image_builder.job_type.template import TemplateContext
from image_builder.running.programs import CommandFailed
from image_builder.running.progress import BuildProgress
from image_builder.source.imports import list_imported_modules
from image_builder.source.requirements import list_files
from image_builder.source.source_tree import Source


@dataclass(frozen=True)
class BuildInputs:
    """Everything that an image is made from."""

    request: BuildRequest
    source: Source
    job_type: JobType
    workspace: Path
    """A directory for files of the build that are not part of the source, such as secrets."""
    racetrack_version: str

    @cached_property
    def template_context(self) -> TemplateContext:
        """The values that the job type's templates may use; raises ValidationError when a requirements file is missing."""
        return TemplateContext(
            manifest=self.request.manifest,
            git_version=self.source.git_version,
            job_type_version=self.job_type.version,
            racetrack_version=self.racetrack_version,
            requirements_files=self._list_requirements_files(),
            imported_modules=list_imported_modules(self.source.directory),
        )

    def _list_requirements_files(self) -> Sequence[str]:
        path = self.request.manifest.get_jobtype_extra().get("requirements_path")
        return list_files(self.source.directory, str(path)) if path else ()


@dataclass(frozen=True)
class MadeImages:
    """The images of a job, made by this build or by an earlier one of the same content."""

    names: Sequence[str]
    tag: str


class ImageMaker(ABC):
    """Makes the images of one kind. A build calls it from the build's own thread."""

    @abstractmethod
    def prepare(self, inputs: BuildInputs, progress: BuildProgress) -> None:
        """Check the inputs before any program runs.

        Called once, before `make`. Raises ValidationError when no image can be made of them.
        """

    @abstractmethod
    def make(self, inputs: BuildInputs, progress: BuildProgress) -> MadeImages:
        """Make all images of a job, or find those of an earlier build with the same content, and return their names.

        Begins a phase `building image (i/n)` for each. Raises CommandFailed when a program fails and BuildCancelled
        when the build was cancelled. Calling it again with the same inputs is harmless.
        """


class BackendUnavailable(CommandFailed):
    """A program that makes or holds images, such as the Docker engine, does not answer."""


class ImageBackend(Protocol):
    """Everything that one service has for one kind of images: their maker, their removal and the background work."""

    @property
    def maker(self) -> ImageMaker:
        """The maker of the images."""

    def start(self) -> None:
        """Clean up after builders that were killed. Called once, before the first build."""

    def start_background_work(self) -> None:
        """Begin what a service does beside its builds. Called once, after `start`; returns at once."""

    def prune(self, needed: Collection[JobImage], before: datetime) -> list[str]:
        """Remove the images that are not in `needed` and were last needed before `before`; return their names.

        Called from the thread of a request, also while builds run. Raises BackendUnavailable.
        """

    def check(self) -> None:
        """Raise BackendUnavailable when builds would fail for lack of an answer. Called by the health probe."""

    def stop(self) -> None:
        """End the background work. Called once, from the thread that stops the service."""
