"""One build, step by step: fetch the source, resolve the job type, make the images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from racetrack_client.client.source_files import remove_unwanted
from racetrack_client.entities import ImageKind
from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest.entrypoint import SERVED_BY_CLASS
from racetrack_client.manifest.rules import DEPRECATED_KEYS
from racetrack_commons.disk_space import DiskSpace
from racetrack_commons.entities.dto import BuildResult
from racetrack_commons.plugin.job_types import JobType

from image_builder.build_request import BuildRequest
from image_builder.image_maker import BuildInputs, ImageMaker, MadeImages
from image_builder.job_type.catalog import JobTypeCatalog
from image_builder.pipeline.consistency import find_manifest_difference
from image_builder.pipeline.workspace import Workspaces
from image_builder.running.progress import BuildProgress
from image_builder.source.archive import extract_bundle
from image_builder.source.entrypoint import check_source
from image_builder.source.git import GitSource
from image_builder.source.source_tree import TAR_VERSION, Source, SourceLimits

_MANIFEST_FILE = "job.yaml"


@dataclass(frozen=True)
class SourceFetcher:
    """Extracts the archive of a request, or clones the repository that the request's manifest names."""

    git: GitSource
    limits: SourceLimits

    def fetch(self, request: BuildRequest, workspace: Path, progress: BuildProgress) -> Source:
        """Put the source into the workspace and return it; raises ValidationError when it can't be fetched."""
        if not request.build_context:
            source = self.git.clone(
                request.manifest.git, request.git_credentials, workspace, progress
            )
            remove_unwanted(source.directory, request.manifest)
            return source
        directory = workspace / "archive"
        extract_bundle(request.build_context, directory, self.limits)
        return Source(root=directory, directory=directory, git_version=TAR_VERSION)


@dataclass(frozen=True)
class BuildPipeline:
    """Fetches the source of a request, resolves its job type, and lets the maker of the image kind make the images."""

    workspaces: Workspaces
    sources: SourceFetcher
    job_types: JobTypeCatalog
    makers: Mapping[ImageKind, ImageMaker]
    racetrack_version: str
    disk: DiskSpace
    verify_manifest_consistency: bool = True

    def build(self, request: BuildRequest, progress: BuildProgress) -> BuildResult:
        """Build the images of a request and remove everything else; errors begin with the phase that failed."""
        self.disk.check_room()
        maker = self._choose_maker(request)
        _warn_of_deprecated_keys(request, progress)
        with self.workspaces.open(request.deployment_id) as workspace:
            with progress.phase("fetching the source code"):
                source = self._fetch(request, workspace, progress)
            with progress.phase("preparing job type builder"):
                job_type = self._resolve(request, progress)
                inputs = BuildInputs(request, source, job_type, workspace, self.racetrack_version)
                if (
                    request.image_kind == ImageKind.PROCESS
                    or f"{job_type.name}:" == SERVED_BY_CLASS
                ):
                    check_source(source.directory, request.manifest)
                maker.prepare(inputs, progress)
            made = maker.make(inputs, progress)
            with progress.phase("cleaning up the workspace"):
                self.workspaces.clean(workspace)
        with progress.phase("finalizing the build"):
            return _make_result(job_type, made)

    def _choose_maker(self, request: BuildRequest) -> ImageMaker:
        maker = self.makers.get(request.image_kind)
        if maker is None:
            raise ValidationError(
                f"this Image Builder makes no {request.image_kind} images; "
                f"choose an infrastructure target that takes one of: {', '.join(self.makers)}"
            )
        return maker

    def _fetch(self, request: BuildRequest, workspace: Path, progress: BuildProgress) -> Source:
        source = self.sources.fetch(request, workspace, progress)
        if source.is_from_git and self.verify_manifest_consistency:
            difference = find_manifest_difference(source, request.manifest.origin_dict_ or {})
            if difference:
                progress.warn(difference)
        _write_manifest(request, source)
        return source

    def _resolve(self, request: BuildRequest, progress: BuildProgress) -> JobType:
        wanted = request.job_type_version or request.manifest.get_jobtype()
        job_type = self.job_types.resolve(wanted, request.image_kind)
        self.job_types.check_manifest(job_type, request.manifest)
        progress.log(f"job type {job_type}, source {_describe_source(request)}")
        return job_type


def _write_manifest(request: BuildRequest, source: Source) -> None:
    path = source.directory / _MANIFEST_FILE
    # Writing through a link would change another file.
    path.unlink(missing_ok=True)
    path.write_text(request.manifest.origin_yaml_ or "")


def _describe_source(request: BuildRequest) -> str:
    return "from the archive" if request.build_context else f"from {request.manifest.git.remote}"


def _warn_of_deprecated_keys(request: BuildRequest, progress: BuildProgress) -> None:
    for key, successor in DEPRECATED_KEYS.items():
        if getattr(request.manifest, key) is not None:
            progress.warn(f"manifest key {key!r} is deprecated; use {successor!r}")


def _make_result(job_type: JobType, made: MadeImages) -> BuildResult:
    return BuildResult(
        image_names=list(made.names), image_tag=made.tag, job_type_version=str(job_type)
    )
