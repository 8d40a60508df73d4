"""Choosing where the source of a job comes from."""

from dataclasses import dataclass
from pathlib import Path

from image_builder.build_request import BuildRequest
from image_builder.running.progress import BuildProgress
from image_builder.source.git import GitSource
from image_builder.source.source import TAR_VERSION, Source, SourceLimits
from image_builder.source.tar import extract_bundle


@dataclass(frozen=True)
class SourceFetcher:
    """Fetches the archive that came with a request, or clones the repository that its manifest names."""

    git: GitSource
    limits: SourceLimits

    def fetch(self, request: BuildRequest, workspace: Path, progress: BuildProgress) -> Source:
        """Put the source into the workspace."""
        if not request.build_context:
            return self.git.clone(
                request.manifest.git, request.git_credentials, workspace, progress
            )
        directory = workspace / "archive"
        extract_bundle(request.build_context, directory, self.limits)
        return Source(root=directory, directory=directory, git_version=TAR_VERSION)
