"""The log files of process jobs: writing, reading, following, rotating and removing them."""

import contextlib
import ctypes
import errno
import os
import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import IO

from lifecycle.infrastructure.line_assembly import LineAssembler

MAX_BYTES = 20 * 1024 * 1024
KEPT = 2
MOST_TAIL_BYTES = 8 * 1024 * 1024
"""The end of a log that is searched for its last lines; the beginning of an endless line is not looked for."""
_BLOCK = 64 * 1024
_COLLAPSE_RANGE = 0x08
"""FALLOC_FL_COLLAPSE_RANGE of Linux's fallocate(2)."""
_USUAL_LINE_BYTES = 1024
_LEFT_OUT = re.compile(rb"racetrack: (\d+) bytes of the log are left out here\n")
"""The first line of a rotated file that holds only the end of a log: the log grew by far too much at once."""
_TIME_CHARACTERS = 100
"""A time is looked for in this part of a line, at its beginning."""
# A job writes what it likes: no two alternatives may begin alike, or the search takes for ever.
_TIME = re.compile(
    r"""(?:\x1b\[[0-9;]*m|[\s\[({"]|t(?:ime(?:stamp)?|s)"?[:=])*"""
    r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)"
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
    log = FollowedLog(path)
    return _select_since(chain(log.read_all(), log.take_rest()), since, started, count)


class FollowedLog:
    """The lines of a log, followed across its rotations; memory does not grow with the length of a line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._assembler = LineAssembler()
        self._aside = _find_mark(_rotated(path, 1))

    def read_last_lines(self, count: int) -> list[str]:
        """Return the last `count` lines that have ended; the log is followed from there."""
        lines: deque[str] = deque(maxlen=count)
        self._aside = _find_mark(_rotated(self.path, 1))
        for part in _list_parts(self.path, count):
            self._offset = part.start
            lines.extend(self._read_on(part.path))
        return list(lines)

    def read_lines_since(self, since: datetime, started: datetime, count: int) -> list[str]:
        """Return the last `count` lines since a time that have ended; the log is followed from there."""
        return _select_since(self.read_all(), since, started, count)

    def read_all(self) -> Iterator[str]:
        """Yield the lines of the log and its rotated files that have ended.

        Of a log that has not been rotated in time, only the end is read.
        """
        for path in (*(_rotated(self.path, number) for number in range(KEPT, 0, -1)), self.path):
            self._offset = max(0, _size(path) - 2 * MAX_BYTES)
            yield from self._read_on(path)

    def read_new_lines(self) -> Iterator[str]:
        """Yield the lines that were completed since the last call."""
        if _half_rotated(self.path).exists():
            return
        mark = _find_mark(_rotated(self.path, 1))
        if mark != self._aside:
            self._aside = mark
            yield from self._read_aside(_rotated(self.path, 1))
        elif _size(self.path) < self._offset:
            self._offset = 0  # The log was cut, and nothing was moved aside.
        yield from self._read_on(self.path)

    def take_rest(self) -> Iterator[str]:
        """Yield the line that has not ended, if there is one."""
        return self._assembler.take_rest()

    @property
    def frame(self) -> str:
        """The present text of the line that has not ended, such as a progress bar; empty when there is none."""
        return self._assembler.frame

    def _read_aside(self, path: Path) -> Iterator[str]:
        """Yield what was moved aside and not read before; the place after it becomes one in the log."""
        shift = _measure_shift(path)
        self._offset = max(0, self._offset - shift)
        yield from self._read_on(path)
        self._offset = max(0, self._offset - _size(path))

    def _read_on(self, path: Path) -> Iterator[str]:
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            file.seek(self._offset)
            while block := file.read(_BLOCK):
                self._offset += len(block)
                yield from self._assembler.add(block)


def rotate(path: Path, max_bytes: int = MAX_BYTES) -> None:
    """Move the content of a large log aside; its writer appends, so it goes on in the same file.

    Where the file system can cut the front off a file, no line that is written meanwhile is lost, and the end stays in it.
    Of a log that has grown far beyond its limit, only the end is kept. On a full disk its content is lost instead of the
    disk's last space.
    """
    aside = _half_rotated(path)
    aside.unlink(missing_ok=True)  # A keeper that was killed may have left it.
    if _size(path) < max_bytes:
        return
    _rotated(path, KEPT).unlink(missing_ok=True)  # A full disk needs its space before the copy.
    with path.open("rb+") as log:
        try:
            with aside.open("wb", buffering=0) as copy:
                _move(log, copy, max_bytes)
        except OSError as error:
            aside.unlink(missing_ok=True)
            log.truncate(0)
            append_line(
                path, f"the log until here is lost: it can't be moved aside ({error.strerror})"
            )
    for number in range(KEPT, 0, -1):
        newer = _rotated(path, number - 1) if number > 1 else aside
        if newer.exists():
            newer.replace(_rotated(path, number))


def _move(log: IO[bytes], aside: IO[bytes], max_bytes: int) -> None:
    status = os.fstat(log.fileno())
    whole_blocks = (status.st_size - 1) // status.st_blksize * status.st_blksize
    left_out = whole_blocks - max_bytes if whole_blocks > 2 * max_bytes else 0
    if left_out:
        aside.write(f"racetrack: {left_out} bytes of the log are left out here\n".encode())
        log.seek(left_out)
    _copy(log, aside, whole_blocks - left_out)
    if not _has_cut_front(log, whole_blocks):
        _copy(log, aside, max_bytes + status.st_blksize)
        log.truncate(0)


def _measure_shift(aside: Path) -> int:
    """Return by how many bytes the places in a rotated file are lower than they were in the log."""
    with contextlib.suppress(FileNotFoundError), aside.open("rb") as file:
        if found := _LEFT_OUT.match(file.read(_TIME_CHARACTERS)):
            return int(found.group(1)) - len(found.group())
    return 0


def _has_cut_front(file: IO[bytes], length: int) -> bool:
    """Remove the first bytes of a file, some whole blocks but not all; return whether the file system could: ext4 and XFS can."""
    fallocate = getattr(ctypes.CDLL(None, use_errno=True), "fallocate64", None)
    if fallocate is None or not length:
        return False
    fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    return bool(fallocate(file.fileno(), _COLLAPSE_RANGE, 0, length) == 0)


def _copy(source: IO[bytes], target: IO[bytes], length: int) -> None:
    """Copy the next bytes of a file."""
    while block := source.read(min(_BLOCK, length)):
        if target.write(block) < len(block):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
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


def _select_since(
    lines: Iterable[str], since: datetime, started: datetime, count: int
) -> list[str]:
    selected: deque[str] = deque(maxlen=count)
    is_new = started >= since
    for line in lines:
        if not is_new:
            written = _find_time(line)
            is_new = written is not None and written >= since
        if is_new:
            selected.append(line)
    return list(selected)


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


def _half_rotated(path: Path) -> Path:
    """Return the path of what is being moved aside: followers wait for the end of that."""
    return Path(f"{path}.new")


def _find_mark(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from the one that it has replaced."""
    with contextlib.suppress(FileNotFoundError):
        status = path.stat()
        return status.st_ino, status.st_mtime_ns
    return None


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
    """Return the place behind the `newlines`th newline from the end, and how many newlines the file lacks for it.

    That is the place where the search ended when it went over `MOST_TAIL_BYTES`.
    """
    position = file.seek(0, os.SEEK_END)
    earliest = max(0, position - max(MOST_TAIL_BYTES, newlines * _USUAL_LINE_BYTES))
    missing = newlines
    while position > earliest:
        step = min(_BLOCK, position)
        position -= step
        file.seek(position)
        block = file.read(step)
        found = block.count(b"\n")
        if found >= missing:
            return _Start(position + len(block.rsplit(b"\n", missing)[0]) + 1, 0)
        missing -= found
    return _Start(position, missing if position == 0 else 0)
