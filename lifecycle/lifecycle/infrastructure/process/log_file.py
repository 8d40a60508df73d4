"""The log files of process jobs: writing, reading, following, rotating and removing them."""

import contextlib
import os
import shutil
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import IO, Self

MAX_BYTES = 20 * 1024 * 1024
KEPT = 2
_BLOCK = 64 * 1024


def open_log(path: Path) -> IO[bytes]:
    """Open a log to which a process appends its output."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return path.open("ab")
    except FileNotFoundError:  # The keeper removed the empty directory just then.
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("ab")


def read_last_lines(path: Path, count: int) -> list[str]:
    """Return the last `count` lines of a log, some of them from the rotated file if the log is too short."""
    lines = _tail(path, count)
    if len(lines) < count:
        lines = _tail(Path(f"{path}.1"), count - len(lines)) + lines
    return lines


class FollowedLog:
    """The new lines of a log, followed across its rotations."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path = path
        self._offset = offset
        self._rest = b""

    @classmethod
    def at_end_of(cls, path: Path) -> Self:
        """Return a follower that begins at the present end of a log."""
        return cls(path, _size(path))

    def read_new_lines(self) -> list[str]:
        """Return the lines that were completed since the last call."""
        if _size(self.path) < self._offset:
            self._rest += _read_from(Path(f"{self.path}.1"), self._offset)
            self._offset = 0
        new = _read_from(self.path, self._offset)
        self._offset += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        return [line.decode(errors="replace") for line in lines]


def rotate(path: Path, max_bytes: int = MAX_BYTES) -> None:
    """Copy a large log aside and empty it; its writer appends, so it goes on at the start of the file."""
    if not path.exists() or path.stat().st_size < max_bytes:
        return
    for number in range(KEPT - 1, 0, -1):
        older = Path(f"{path}.{number}")
        if older.exists():
            older.replace(f"{path}.{number + 1}")
    shutil.copyfile(path, f"{path}.1")
    os.truncate(path, 0)


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


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # The log does not exist yet, or was removed.
        return 0


def _read_from(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read()
    except FileNotFoundError:
        return b""


def _tail(path: Path, count: int) -> list[str]:
    if count <= 0 or not path.exists():
        return []
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        content = b""
        while position > 0 and content.count(b"\n") <= count:
            step = min(_BLOCK, position)
            position -= step
            file.seek(position)
            content = file.read(step) + content
    return content.decode(errors="replace").splitlines()[-count:]
