"""Extracting the untrusted archive of a source.

Directories, regular files, and links that stay inside the archive are extracted; all other entries are refused. An
archive with too many entries or bytes is refused before they are written. Owners, times and special modes are dropped.
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

from image_builder.source.source_tree import SourceLimits

_MAX_HEADER_BYTES = 1024 * 1024
_ENTRY_BYTES = 4 * tarfile.BLOCKSIZE
"""Bytes of an entry beside its content: header, long name and padding."""
_FRAME_BYTES = 64 * 1024
"""Bytes that the tar reader reads beyond an entry: padding, and its look-ahead buffer."""


class UnsafeArchive(ValidationError):
    """The archive holds an entry that is not allowed, or too many of them."""


def extract_bundle(bundle: str, directory: Path, limits: SourceLimits) -> None:
    """Extract a gzip-compressed tar, encoded as base64; raises ValidationError when it is broken or unsafe."""
    try:
        content = base64.b64decode(bundle, validate=True)
    except binascii.Error as error:
        raise ValidationError("the build context is not base64") from error
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as unzipped:
            _extract(_BoundedReader(unzipped, limits), directory, limits)
    except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise ValidationError(f"the build context is not a gzip-compressed tar: {error}") from error
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise UnsafeArchive("the build context has a file and a directory of one name") from error


class _BoundedReader(io.RawIOBase):
    """Limits the bytes that the decompression returns, so that a small bundle can't fill memory or disk."""

    def __init__(self, source: gzip.GzipFile, limits: SourceLimits) -> None:
        self._source = source
        self._max_bytes = limits.max_bytes
        self._max_total = limits.max_bytes + limits.max_files * _ENTRY_BYTES + _MAX_HEADER_BYTES
        self._allowed = 0

    def allow(self, count: int) -> None:
        """Allow `count` more bytes until the next call."""
        self._allowed = count + _FRAME_BYTES

    def read(self, size: int = -1) -> bytes:
        content = self._source.read(size)
        self._allowed -= len(content)
        if self._allowed < 0:
            raise UnsafeArchive("the build context has an entry whose header is too large")
        if self._source.tell() > self._max_total:
            raise UnsafeArchive(_too_large(self._max_bytes))
        return content


def _extract(reader: _BoundedReader, directory: Path, limits: SourceLimits) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    count, size = 0, 0
    links: list[Path] = []
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
            path = _extract_entry(tar, entry, directory)
            if entry.issym():
                links.append(path)
            reader.allow(_MAX_HEADER_BYTES)
    for link in links:
        # A later link may have changed the target of an earlier one.
        if link.is_symlink():
            _check_link(link, directory)


def _extract_entry(tar: tarfile.TarFile, entry: tarfile.TarInfo, directory: Path) -> Path:
    path = _locate(entry.name, directory)
    if entry.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return path
    if not (entry.isreg() or entry.issym() or entry.islnk()):
        raise UnsafeArchive(f"{entry.name!r} in the build context is a device or a pipe")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if entry.isreg():
        _write_file(tar, entry, path)
    elif entry.issym():
        path.symlink_to(entry.linkname)
        _check_link(path, directory)
    else:
        _link_file(entry, path, directory)
    return path


def _locate(name: str, directory: Path) -> Path:
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts:
        raise UnsafeArchive(f"{name!r} in the build context leads outside it")
    path = directory / pure
    # Nothing is written through a link: its target may lie outside.
    if any((directory / parent).is_symlink() for parent in pure.parents):
        raise UnsafeArchive(f"{name!r} in the build context lies behind a link")
    return path


def _check_link(link: Path, directory: Path) -> None:
    try:
        target = link.resolve()
    except (RuntimeError, OSError) as error:
        raise UnsafeArchive(
            f"the link {link.name!r} in the build context leads to itself"
        ) from error
    if link.readlink().is_absolute() or not target.is_relative_to(directory.resolve()):
        raise UnsafeArchive(f"the link {link.name!r} in the build context leads outside it")


def _link_file(entry: tarfile.TarInfo, path: Path, directory: Path) -> None:
    target = _locate(entry.linkname, directory)
    if target.is_symlink() or not target.is_file():
        raise UnsafeArchive(f"the link {entry.name!r} in the build context leads to no file")
    os.link(target, path)


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
