"""What a tree of files is, in one number."""

import hashlib
import os
from collections.abc import Set as AbstractSet
from pathlib import Path


def digest_tree(directory: Path, left_out: AbstractSet[str] = frozenset()) -> str:
    """Return the SHA-256 of names, contents, executable bits and links; times and owners don't count.

    Entries with a name that is left out don't count either.
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
