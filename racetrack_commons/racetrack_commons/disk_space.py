"""The space that is left on the disks of a service: what needs much of it is refused before none is left."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from racetrack_client.log.errors import DiskFull

_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class DiskSpace:
    """The disks that a service writes to, and the space that always stays free on each, for small writes."""

    directories: Sequence[Path]
    min_free_bytes: int

    def check_room(self, needed_bytes: int = 0) -> None:
        """Raise DiskFull, which says what to do, when too little space is left beside what is needed now."""
        if shortage := self.find_shortage(needed_bytes):
            raise DiskFull(shortage)

    def find_shortage(self, needed_bytes: int = 0) -> str | None:
        """Return a sentence about the first disk with too little space; None when all have enough."""
        for directory in self.directories:
            free = _measure_free_bytes(directory)
            if free is not None and free - needed_bytes < self.min_free_bytes:
                return (
                    f"the disk of {directory} has only {free // _MEBIBYTE} MiB left,"
                    f" of which {self.min_free_bytes // _MEBIBYTE} MiB stay free (MIN_FREE_DISK_BYTES):"
                    " free some space there, and everything goes on by itself"
                )
        return None


def _measure_free_bytes(directory: Path) -> int | None:
    existing = next((each for each in (directory, *directory.parents) if each.exists()), None)
    try:
        return None if existing is None else shutil.disk_usage(existing).free
    except OSError:  # The directory has just been removed.
        return None
