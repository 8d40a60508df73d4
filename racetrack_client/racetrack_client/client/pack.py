"""Packing a job for the builder: its directory as a reproducible tar without secrets, and its secret variables."""

import gzip
import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

from dotenv.parser import parse_stream
from pathspec import GitIgnoreSpec

from racetrack_client.log.errors import ValidationError

MAX_PACKED_BYTES = 256 * 1024 * 1024
MAX_PACKED_FILES = 10_000
NEVER_PACKED = (
    "*.zip",
    ".git",
    "*.pyc",
    "__pycache__",
    ".gitignore",
    "/.racetrackignore",
    "/plugin-manifest.yaml",
)
"""Ignored in directories of jobs and of plugins."""
_ADVICE = "name what the job does not need in .gitignore, or deploy with --build-context git"
_Specs = list[tuple[Path, GitIgnoreSpec]]
"""Ignore files, the outermost first, each with its directory; the first entry holds what is always ignored."""


def pack_directory(
    directory: Path, secret_files: list[str], max_bytes: int = MAX_PACKED_BYTES
) -> bytes:
    """Return the files of a directory as tar.gz; raises ValidationError when they exceed `max_bytes`."""
    content = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=content, mode="wb", mtime=0, compresslevel=6) as zipped,
        tarfile.open(fileobj=zipped, mode="w|") as tar,
    ):
        packed = 0
        for file in list_packed_files(directory, secret_files):
            packed += file.stat().st_size
            if packed > max_bytes:
                raise ValidationError(
                    f"{directory} holds more than {max_bytes / 1024**2:g} MiB; {_ADVICE}"
                )
            _add(tar, directory, file)
    return content.getvalue()


def list_packed_files(
    directory: Path, secret_files: list[str], max_files: int = MAX_PACKED_FILES
) -> list[Path]:
    """List the files that are packed, in a fixed order; raises ValidationError for links that lead outside."""
    # The manifest names secret files relative to the job's directory, perhaps with `./` or `sub/../`.
    secrets = {os.path.normpath(name) for name in secret_files}
    files = []
    always_ignored = GitIgnoreSpec.from_lines([*NEVER_PACKED, ".venv", "venv"])
    root = directory.resolve()
    for path in _walk(directory, [(directory, always_ignored)], (root,)):
        if os.path.normpath(path.relative_to(directory)) in secrets:
            continue
        _check_leads_inside(path, root)
        if path.resolve() in {(directory / name).resolve() for name in secrets}:
            continue
        files.append(path)
        if len(files) > max_files:
            raise ValidationError(f"{directory} holds more than {max_files} files; {_ADVICE}")
    return files


def format_size(size_bytes: int) -> str:
    """Return a number of bytes as text, in a suitable unit."""
    if size_bytes < 1024:
        return f"{size_bytes} bytes"
    if size_bytes < 1024**2:
        return f"{size_bytes / 1024:.1f} KiB"
    return f"{size_bytes / 1024**2:.1f} MiB"


def read_secret_vars(directory: Path, name: str | None) -> dict[str, str]:
    """Read an env file by dotenv's rules, without expansion; error messages never show its content."""
    if not name:
        return {}
    file = directory / name
    if not file.is_file():
        raise ValidationError(
            f"secret variables {file} are not there; the manifest names that file"
        )
    try:
        with file.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except UnicodeDecodeError as error:
        raise ValidationError(f"secret variables {file} are no text") from error
    for binding in bindings:
        if binding.error:
            raise ValidationError(
                f"secret variables {file}: line {binding.original.line} must be NAME=VALUE"
            )
    return {binding.key: binding.value or "" for binding in bindings if binding.key is not None}


def _walk(directory: Path, outer_specs: _Specs, trail: tuple[Path, ...]) -> Iterator[Path]:
    """Yield the regular files below a directory; ignored directories are never entered.

    `trail` holds the resolved directories on the way, the job's first; a link back to one of them would loop.
    """
    specs = [*outer_specs, *_read_ignore_file(directory)]
    for path in sorted(directory.iterdir()):
        is_directory = path.is_dir()
        if _is_ignored(path, is_directory, specs):
            continue
        if is_directory:
            _check_leads_inside(path, trail[0])
            real = path.resolve()
            if real not in trail:
                yield from _walk(path, specs, (*trail, real))
        elif path.is_file():
            yield path


def _check_leads_inside(path: Path, root: Path) -> None:
    if path.is_symlink() and not path.resolve().is_relative_to(root):
        raise ValidationError(
            f"{path} is a link that leads outside the job's directory; "
            "copy there what it means, or name it in .gitignore"
        )


def _read_ignore_file(directory: Path) -> _Specs:
    file = directory / ".gitignore"
    if not file.is_file():
        return []
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return [(directory, GitIgnoreSpec.from_lines(lines))]


def _is_ignored(path: Path, is_directory: bool, specs: _Specs) -> bool:
    always_ignored, *ignore_files = specs
    # The ignore file nearest to the path decides, as in git.
    for base, spec in [always_ignored, *reversed(ignore_files)]:
        name = path.relative_to(base).as_posix() + ("/" if is_directory else "")
        verdict = spec.check_file(name).include
        if verdict is not None:
            return bool(verdict)
    return False


def _add(tar: tarfile.TarFile, directory: Path, file: Path) -> None:
    entry = tarfile.TarInfo(file.relative_to(directory).as_posix())
    with file.open("rb") as opened:
        status = os.fstat(opened.fileno())
        entry.size = status.st_size
        entry.mode = 0o755 if status.st_mode & 0o100 else 0o644
        tar.addfile(entry, opened)
