"""A job's directory becomes a tar, without ignored files and secrets, the same each time."""

import gzip
import io
import tarfile
from pathlib import Path

from pathspec import GitIgnoreSpec

from racetrack_client.log.errors import ValidationError

MAX_PACKED_BYTES = 256 * 1024 * 1024
_ALWAYS_IGNORED = [
    "*.zip",
    ".git",
    "*.pyc",
    "__pycache__",
    ".gitignore",
    "/.racetrackignore",
    "/plugin-manifest.yaml",
    ".venv",
    "venv",
]


def pack_directory(directory: Path, secret_files: list[str]) -> bytes:
    """Pack the files of a directory; ValidationError when they are too many bytes."""
    content = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=content, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w|") as tar,
    ):
        packed = 0
        for file in list_packed_files(directory, secret_files):
            packed += file.stat().st_size
            if packed > MAX_PACKED_BYTES:
                raise ValidationError(
                    f"{directory} holds more than {MAX_PACKED_BYTES >> 20} MiB; "
                    "name what the job does not need in .gitignore"
                )
            _add(tar, directory, file)
    return content.getvalue()


def list_packed_files(directory: Path, secret_files: list[str]) -> list[Path]:
    """List the files that are packed, in a fixed order; links that lead outside are refused."""
    ignore_file = directory / ".gitignore"
    lines = ignore_file.read_text().splitlines() if ignore_file.exists() else []
    ignored = GitIgnoreSpec.from_lines(
        [*lines, *_ALWAYS_IGNORED, *(f"/{Path(name).as_posix()}" for name in secret_files)]
    )
    files = []
    for path in sorted(directory.rglob("*")):
        if ignored.match_file(path.relative_to(directory).as_posix()) or not path.is_file():
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(directory.resolve()):
            raise ValidationError(
                f"{path} is a link that leads outside the job's directory; "
                "copy the file there instead"
            )
        files.append(path)
    return files


def _add(tar: tarfile.TarFile, directory: Path, file: Path) -> None:
    entry = tarfile.TarInfo(file.relative_to(directory).as_posix())
    entry.size = file.stat().st_size
    entry.mode = 0o755 if file.stat().st_mode & 0o100 else 0o644
    with file.open("rb") as opened:
        tar.addfile(entry, opened)
