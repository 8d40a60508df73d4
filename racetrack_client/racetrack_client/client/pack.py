"""Packing a job for the builder: its files as a reproducible tar without secrets, and its secret variables."""

import gzip
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from dotenv.parser import parse_stream

from racetrack_client.client.lfs import MAX_POINTER_BYTES, is_lfs_pointer
from racetrack_client.client.source_files import ADVICE, MAX_PACKED_BYTES, SourceFiles
from racetrack_client.client.source_paths import check_named_inside
from racetrack_client.log.errors import ValidationError

_LARGE_BYTES = 8 * 1024 * 1024
"""Sources from this size on are compressed quickly rather than well: most of them are models, which hardly shrink."""

OnPacked = Callable[[int, int], None]
"""Called with the number of bytes that are packed, and with the number of all."""


def pack_source(
    source: SourceFiles,
    on_packed: OnPacked = lambda _done, _total: None,
    max_bytes: int = MAX_PACKED_BYTES,
) -> bytes:
    """Return the files of a job as tar.gz; raises ValidationError when they exceed `max_bytes`, or one is not really there."""
    total = sum(size for _path, size in source.list_sizes())
    if total > max_bytes:
        raise ValidationError(
            f"{source.directory} holds more than {max_bytes / 1024**2:g} MiB; "
            f"the largest files: {source.describe_largest()}; {ADVICE}"
        )
    content = io.BytesIO()
    level = 1 if total > _LARGE_BYTES else 6
    with (
        gzip.GzipFile(fileobj=content, mode="wb", mtime=0, compresslevel=level) as zipped,
        tarfile.open(fileobj=zipped, mode="w|") as tar,
    ):
        counter = _Counter(total, on_packed)
        for name in source.sent:
            _add(tar, source.directory, name, counter)
    return content.getvalue()


def read_secret_vars(directory: Path, name: str | None) -> dict[str, str]:
    """Read an env file by dotenv's rules, without expansion; error messages never show its content."""
    if not name:
        return {}
    file = directory / name
    if not file.is_file():
        raise ValidationError(
            f"secret variables {file} are not there; the manifest names that file"
        )
    check_named_inside(directory, name)
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


class _Counter:
    """Counts the bytes that are read from one file after the other."""

    def __init__(self, total: int, on_packed: OnPacked) -> None:
        self._total = total
        self._done = 0
        self._on_packed = on_packed
        self.file: IO[bytes] = io.BytesIO()

    def read(self, size: int = -1) -> bytes:
        """Read from the current file."""
        part = self.file.read(size)
        self._done += len(part)
        self._on_packed(self._done, self._total)
        return part


def _add(tar: tarfile.TarFile, directory: Path, name: Path, counter: _Counter) -> None:
    entry = tarfile.TarInfo(name.as_posix())
    with (directory / name).open("rb") as opened:
        status = os.fstat(opened.fileno())
        if status.st_size <= MAX_POINTER_BYTES and is_lfs_pointer(opened.peek()):
            raise ValidationError(
                f"{name} is only a pointer of Git LFS; run `git lfs pull` to fetch the file, then deploy"
            )
        entry.size = status.st_size
        entry.mode = 0o755 if status.st_mode & 0o100 else 0o644
        counter.file = opened
        tar.addfile(entry, counter)
