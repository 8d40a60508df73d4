"""The source of a job, where it was fetched to."""

from dataclasses import dataclass
from pathlib import Path

from racetrack_client.log.errors import ValidationError


@dataclass(frozen=True)
class Source:
    """A fetched source: the job's directory, inside everything that was fetched."""

    root: Path
    directory: Path
    """The job's directory; the root itself, or below it in a repository of several jobs."""
    git_version: str
    """What `git describe` says, or `tar`."""

    @property
    def is_from_git(self) -> bool:
        """Whether a repository was cloned."""
        return self.git_version != TAR_VERSION


TAR_VERSION = "tar"
"""The git version of a source that came as an archive."""


@dataclass(frozen=True)
class SourceLimits:
    """The most that a source may take."""

    max_files: int
    max_bytes: int


def resolve_inside(root: Path, relative: str, what: str) -> Path:
    """Return the path inside the root; ValidationError when it, or where its links lead, is outside."""
    path = (root / relative).resolve()
    if not path.is_relative_to(root.resolve()):
        raise ValidationError(f"{what} {relative!r} leads outside the job's source")
    return path
