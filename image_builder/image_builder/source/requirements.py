"""A digest of everything that the installation of a job's requirements reads, and the list of these files."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from racetrack_client.client.requirements_files import list_local_paths, read_requirements
from racetrack_client.client.source_paths import resolve_inside

from image_builder.source.source_tree import digest_tree


def digest_requirements(directory: Path, relative: str) -> str:
    """Return a digest of the file, of the files that it includes, and of the whole source when it installs from there."""
    files = read_requirements(directory, relative)
    total = hashlib.sha256()
    for file in files:
        total.update((directory / file).read_bytes() + b"\0")
    if _install_from_source(files):
        total.update(digest_tree(directory).encode())
    return total.hexdigest()


def list_files(directory: Path, relative: str) -> list[str]:
    """Return the paths in the job's directory that the installation reads; `.` stands for the whole directory.

    Raises ValidationError when one of the files is missing or is no text.
    """
    files = read_requirements(directory, relative)
    return ["."] if _install_from_source(files) else list(files)


def is_empty(directory: Path, relative: str) -> bool:
    """Return whether a requirements file exists and lists nothing."""
    path = resolve_inside(directory, relative, "requirements_path")
    return path.is_file() and not any(read_requirements(directory, relative).values())


def _install_from_source(files: Mapping[str, Sequence[str]]) -> bool:
    return any(list_local_paths(lines) for lines in files.values())
