"""Log files of process jobs: reading their end, following them, keeping them small."""

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import IO

MAX_BYTES = 20 * 1024 * 1024
KEPT = 2
_BLOCK = 64 * 1024
_POLL_SECONDS = 0.2


def open_log(path: Path) -> IO[bytes]:
    """Open a log for a process to append to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return path.open("ab")
    except FileNotFoundError:  # Its directory was empty, and removed just then.
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("ab")


def read_last_lines(path: Path, count: int) -> str:
    """Return the last lines, from the end of the file; those of the file before it when it was just rotated."""
    lines = _tail(path, count)
    if len(lines) < count:
        lines = _tail(Path(f"{path}.1"), count - len(lines)) + lines
    return "".join(f"{line}\n" for line in lines)


def follow_lines(path: Path, tail: int, stop: Event) -> Iterator[str]:
    """Yield the last lines, then each new one, until `stop` is set; goes on after a rotation."""
    offset = path.stat().st_size if path.exists() else 0
    yield from read_last_lines(path, tail).splitlines()
    rest = b""
    while not stop.wait(_POLL_SECONDS):
        size = path.stat().st_size if path.exists() else 0
        if size < offset:
            offset, rest = 0, b""
        if size == offset:
            continue
        with path.open("rb") as file:
            file.seek(offset)
            rest += file.read(size - offset)
        offset = size
        *lines, rest = rest.split(b"\n")
        yield from (line.decode(errors="replace") for line in lines)


def rotate(path: Path, max_bytes: int = MAX_BYTES) -> None:
    """Move a large log aside; its writer appends, so the emptied file goes on from its beginning."""
    if not path.exists() or path.stat().st_size < max_bytes:
        return
    for number in range(KEPT - 1, 0, -1):
        older = Path(f"{path}.{number}")
        if older.exists():
            older.replace(f"{path}.{number + 1}")
    shutil.copyfile(path, f"{path}.1")
    os.truncate(path, 0)


def remove_old_logs(folder: Path, kept: Collection[Path], before: datetime) -> list[Path]:
    """Remove logs that were last written before that moment, but those that are kept; return what is gone."""
    removed = []
    for path in folder.glob("*/*.log*"):
        if path.with_name(f"{path.name.rpartition('.log')[0]}.log") in kept:
            continue
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < before.timestamp():
                path.unlink()
                removed.append(path)
                with contextlib.suppress(OSError):  # Others are in it.
                    path.parent.rmdir()
    return removed


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
