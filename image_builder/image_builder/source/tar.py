"""Extracting the archive of a source that nobody has to trust.

Directories, regular files, and links that stay inside the archive are extracted; anything else is refused, and so is an
archive of too many entries or bytes, before they are written. Owners, times and special modes are dropped.
"""

import base64
import binascii
import gzip
import io
import os
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from racetrack_client.log.errors import ValidationError

from image_builder.source.source import SourceLimits

_MAX_HEADER_BYTES = 1024 * 1024
_FRAME_BYTES = 64 * 1024
"""What the tar reader takes beyond an entry: padding, and a buffer of look-ahead."""


class UnsafeArchive(ValidationError):
    """The archive holds what is not extracted, or more than is allowed."""


def extract_bundle(bundle: str, directory: Path, limits: SourceLimits) -> None:
    """Extract a base64 text of a gzip-compressed tar; raises ValidationError when it is broken or unsafe."""
    try:
        content = base64.b64decode(bundle, validate=True)
    except binascii.Error as error:
        raise ValidationError("the build context is not base64") from error
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as unzipped:
            _extract(_BoundedReader(unzipped, limits.max_bytes), directory, limits)
    except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise ValidationError(f"the build context is not a gzip-compressed tar: {error}") from error


class _BoundedReader(io.RawIOBase):
    """Counts what comes out of the compression, so that a small bundle can't fill memory or disk."""

    def __init__(self, source: gzip.GzipFile, max_bytes: int) -> None:
        self._source = source
        self._max_bytes = max_bytes
        self._allowed = 0

    def allow(self, count: int) -> None:
        """Allow so many bytes until the next call."""
        self._allowed = count + _FRAME_BYTES

    def read(self, size: int = -1) -> bytes:
        content = self._source.read(size)
        self._allowed -= len(content)
        if self._allowed < 0:
            raise UnsafeArchive("the build context has an entry whose header is too large")
        if self._source.tell() > self._max_bytes + _MAX_HEADER_BYTES:
            raise UnsafeArchive(_too_large(self._max_bytes))
        return content


def _extract(reader: _BoundedReader, directory: Path, limits: SourceLimits) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    count, size = 0, 0
    reader.allow(_MAX_HEADER_BYTES)
    with tarfile.open(fileobj=reader, mode="r|", bufsize=_FRAME_BYTES // 4) as tar:
        while (entry := tar.next()) is not None:
            count, size = count + 1, size + entry.size
            if count > limits.max_files:
                raise UnsafeArchive(
                    f"the build context holds more than {limits.max_files} files; "
                    "name what the job does not need in .gitignore"
                )
            if size > limits.max_bytes:
                raise UnsafeArchive(_too_large(limits.max_bytes))
            reader.allow(entry.size)
            _extract_entry(tar, entry, directory)
            reader.allow(_MAX_HEADER_BYTES)


def _extract_entry(tar: tarfile.TarFile, entry: tarfile.TarInfo, directory: Path) -> None:
    path = _locate(entry.name, directory)
    if entry.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() or path.is_file():
        path.unlink()
    if entry.isreg():
        _write_file(tar, entry, path)
    elif entry.issym():
        _check_link(entry, directory, PurePosixPath(entry.name).parent / entry.linkname)
        path.symlink_to(entry.linkname)
    elif entry.islnk():
        _check_link(entry, directory, PurePosixPath(entry.linkname))
        os.link(_locate(entry.linkname, directory), path, follow_symlinks=False)
    else:
        raise UnsafeArchive(f"{entry.name!r} in the build context is a device or a pipe")


def _locate(name: str, directory: Path) -> Path:
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts:
        raise UnsafeArchive(f"{name!r} in the build context leads outside it")
    path = directory / pure
    # A link inside the archive may have made a parent lead elsewhere.
    if not path.parent.resolve().is_relative_to(directory.resolve()):
        raise UnsafeArchive(f"{name!r} in the build context leads outside it")
    return path


def _check_link(entry: tarfile.TarInfo, directory: Path, target: PurePosixPath) -> None:
    resolved = (directory / target).resolve()
    if PurePosixPath(entry.linkname).is_absolute() or not resolved.is_relative_to(
        directory.resolve()
    ):
        raise UnsafeArchive(f"the link {entry.name!r} in the build context leads outside it")
    if entry.islnk() and not resolved.is_file():
        raise UnsafeArchive(f"the link {entry.name!r} in the build context leads nowhere")


def _write_file(tar: tarfile.TarFile, entry: tarfile.TarInfo, path: Path) -> None:
    content = tar.extractfile(entry)
    if content is None:
        raise UnsafeArchive(f"{entry.name!r} in the build context can't be read")
    with content, path.open("xb") as file:
        shutil.copyfileobj(content, file)
    path.chmod(0o755 if entry.mode & 0o111 else 0o644)


def _too_large(max_bytes: int) -> str:
    return (
        f"the build context unpacks to more than {max_bytes} bytes; "
        "name what the job does not need in .gitignore"
    )
