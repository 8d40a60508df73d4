"""The directory tree of a fetched source: its limits, the paths inside it, and its digest."""

import contextlib
import hashlib
import os
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

TAR_VERSION = "tar"
"""The git version of a source that was sent as an archive."""


@dataclass(frozen=True)
class Source:
    """A fetched source. `root` holds everything that was fetched."""

    root: Path
    directory: Path
    """The job's directory: the root itself, or a directory below it in a repository of several jobs."""
    git_version: str
    """The output of `git describe`, or `tar` for an archive."""

    @property
    def is_from_git(self) -> bool:
        """True if the source was cloned from a repository."""
        return self.git_version != TAR_VERSION


@dataclass(frozen=True)
class SourceLimits:
    """The maximum size of a source."""

    max_files: int
    max_bytes: int


def measure_bytes(directory: Path) -> int:
    """Return the size of all files below a directory that is changing meanwhile."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError):  # It has just been removed.
                total += (Path(folder) / name).lstat().st_size
    return total


def digest_tree(directory: Path, left_out: AbstractSet[str] = frozenset()) -> str:
    """Return the SHA-256 of all names, contents, executable bits and links; times and owners don't matter.

    Entries whose name is in `left_out` are ignored.
    """
    total = hashlib.sha256()
    _add_directory(total, directory, "", left_out)
    return total.hexdigest()


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _add_directory(
    total: "hashlib._Hash", directory: Path, prefix: str, left_out: AbstractSet[str]
) -> None:
    with os.scandir(directory) as scan:
        entries = sorted(
            (entry for entry in scan if entry.name not in left_out), key=lambda entry: entry.name
        )
    for entry in entries:
        name = f"{prefix}{entry.name}"
        if entry.is_symlink():
            total.update(
                f"link\0{name}\0{Path(entry.path).readlink()}\0".encode(errors="surrogateescape")
            )
        elif entry.is_dir():
            total.update(f"directory\0{name}\0".encode(errors="surrogateescape"))
            _add_directory(total, Path(entry.path), f"{name}/", left_out)
        else:
            executable = bool(entry.stat().st_mode & 0o100)
            total.update(
                f"file\0{name}\0{executable}\0{digest_file(Path(entry.path))}\0".encode(
                    errors="surrogateescape"
                )
            )
