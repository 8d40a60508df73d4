"""The log files of process jobs: writing, reading, following, rotating and removing them."""

import contextlib
import ctypes
import os
import re
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from lifecycle.infrastructure.line_assembly import LineAssembler

MAX_BYTES = 20 * 1024 * 1024
KEPT = 2
_BLOCK = 64 * 1024
_COLLAPSE_RANGE = 0x08
"""FALLOC_FL_COLLAPSE_RANGE of Linux's fallocate(2)."""
_TIME_CHARACTERS = 100
"""A time is looked for in this part of a line, at its beginning."""
# A job writes what it likes: no two alternatives may begin alike, or the search takes for ever.
_TIME = re.compile(
    r"""(?:\x1b\[[0-9;]*m|[\s\[({"]|t(?:ime(?:stamp)?|s)"?[:=])*"""
    r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,6})?(?:Z|[+-]\d\d:?\d\d)?)"
)
"""A time as loggers write it: bare or in brackets, perhaps coloured, or the first value of a JSON line."""


def open_log(path: Path) -> IO[bytes]:
    """Open a log to which a process appends its output."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return path.open("ab")
    except FileNotFoundError:  # The keeper removed the empty directory just then.
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("ab")


def append_line(path: Path, line: str) -> None:
    """Append a line of the platform's to a log; do nothing when the log is gone or can't be written."""
    with contextlib.suppress(OSError), path.open("ab") as log:
        log.write(f"racetrack: {line}\n".encode())


def read_last_lines(path: Path, count: int) -> list[str]:
    """Return the last `count` lines of a log, some of them from the rotated files if the log is too short."""
    if count <= 0:
        return []
    log = FollowedLog(path)
    lines = log.read_last_lines(count)
    return [*lines, *log.take_rest()][-count:]


def read_lines_since(path: Path, since: datetime, started: datetime, count: int) -> list[str]:
    """Return the last `count` lines since a time, which the lines tell themselves.

    A line that begins with no time is as old as the line before it, the first one as old as the start of its process.
    """
    lines: deque[str] = deque(maxlen=count)
    is_new = started >= since
    for line in FollowedLog(path).read_all():
        if not is_new:
            written = _find_time(line)
            is_new = written is not None and written >= since
        if is_new:
            lines.append(line)
    return list(lines)


class FollowedLog:
    """The lines of a log, followed across its rotations; memory does not grow with the length of a line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._assembler = LineAssembler()

    def read_last_lines(self, count: int) -> list[str]:
        """Return the last `count` lines that have ended; the log is followed from there."""
        lines: deque[str] = deque(maxlen=count)
        for part in _list_parts(self.path, count):
            self._offset = part.start
            lines.extend(self._read_on(part.path))
        return list(lines)

    def read_all(self) -> Iterator[str]:
        """Yield all lines of the log and its rotated files, at last the one that has not ended."""
        for path in (*(_rotated(self.path, number) for number in range(KEPT, 0, -1)), self.path):
            self._offset = 0
            yield from self._read_on(path)
        yield from self.take_rest()

    def read_new_lines(self) -> Iterator[str]:
        """Yield the lines that were completed since the last call."""
        if _size(self.path) < self._offset:
            aside = _rotated(self.path, 1)
            yield from self._read_on(aside)
            self._offset = max(0, self._offset - _size(aside))
        yield from self._read_on(self.path)

    def take_rest(self) -> Iterator[str]:
        """Yield the line that has not ended, if there is one."""
        return self._assembler.take_rest()

    @property
    def frame(self) -> str:
        """The present text of the line that has not ended, such as a progress bar; empty when there is none."""
        return self._assembler.frame

    def _read_on(self, path: Path) -> Iterator[str]:
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            file.seek(self._offset)
            while block := file.read(_BLOCK):
                self._offset += len(block)
                yield from self._assembler.add(block)


def rotate(path: Path, max_bytes: int = MAX_BYTES) -> None:
    """Move the content of a large log aside; its writer appends, so it goes on in the same file.

    Where the file system can cut the front off a file, no line that is written meanwhile is lost, and the end stays in it.
    """
    if not path.exists() or path.stat().st_size < max_bytes:
        return
    for number in range(KEPT - 1, 0, -1):
        older = _rotated(path, number)
        if older.exists():
            older.replace(_rotated(path, number + 1))
    with path.open("rb+") as log, _rotated(path, 1).open("wb", buffering=0) as aside:
        status = os.fstat(log.fileno())
        whole_blocks = (status.st_size - 1) // status.st_blksize * status.st_blksize
        _copy(log, aside, whole_blocks)
        if not _has_cut_front(log, whole_blocks):
            _copy(log, aside)
            log.truncate(0)


def _has_cut_front(file: IO[bytes], length: int) -> bool:
    """Remove the first bytes of a file, some whole blocks but not all; return whether the file system could: ext4 and XFS can."""
    fallocate = getattr(ctypes.CDLL(None, use_errno=True), "fallocate64", None)
    if fallocate is None or not length:
        return False
    fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    return bool(fallocate(file.fileno(), _COLLAPSE_RANGE, 0, length) == 0)


def _copy(source: IO[bytes], target: IO[bytes], length: int | None = None) -> None:
    """Copy the next bytes of a file, or all to its end."""
    while block := source.read(_BLOCK if length is None else min(_BLOCK, length)):
        target.write(block)
        if length is not None:
            length -= len(block)


def remove_old_logs(folder: Path, kept: Collection[Path], before: datetime) -> list[Path]:
    """Remove logs that were last written before `before`, except `kept` ones; return the removed paths."""
    removed = []
    for path in folder.glob("*/*.log*"):
        if path.with_name(f"{path.name.rpartition('.log')[0]}.log") in kept:
            continue
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < before.timestamp():
                path.unlink()
                removed.append(path)
                with contextlib.suppress(OSError):  # The directory holds other logs.
                    path.parent.rmdir()
    return removed


def _find_time(line: str) -> datetime | None:
    """Return the time at the beginning of a line, in the machine's own zone unless it names one."""
    found = _TIME.match(line, 0, _TIME_CHARACTERS)
    try:
        return datetime.fromisoformat(found.group(1)).astimezone() if found else None
    except ValueError:  # It only looks like a time.
        return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # The log does not exist yet, or was removed.
        return 0


def _rotated(path: Path, number: int) -> Path:
    return Path(f"{path}.{number}")


@dataclass(frozen=True)
class _Part:
    path: Path
    start: int


def _list_parts(path: Path, count: int) -> list[_Part]:
    """Return the ends of a log and its rotated files that hold its last `count` lines, the oldest first."""
    parts: list[_Part] = []
    missing = count + 1  # The newline before the first line is wanted, too.
    for each in (path, *(_rotated(path, number) for number in range(1, KEPT + 1))):
        with contextlib.suppress(FileNotFoundError), each.open("rb") as file:
            start = _locate_start(file, missing)
            parts.insert(0, _Part(each, start.offset))
            missing = start.missing
        if missing == 0:
            break
    return parts


@dataclass(frozen=True)
class _Start:
    offset: int
    missing: int


def _locate_start(file: IO[bytes], newlines: int) -> _Start:
    """Return the place behind the `newlines`th newline from the end, and how many newlines the file lacks for it."""
    position = file.seek(0, os.SEEK_END)
    missing = newlines
    while position > 0:
        step = min(_BLOCK, position)
        position -= step
        file.seek(position)
        block = file.read(step)
        found = block.count(b"\n")
        if found >= missing:
            return _Start(position + len(block.rsplit(b"\n", missing)[0]) + 1, 0)
        missing -= found
    return _Start(0, missing)
