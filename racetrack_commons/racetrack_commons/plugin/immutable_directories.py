"""Directories that are made once and never change, so that nobody who uses one can lose it."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path

from filelock import FileLock

KEEP_UNUSED_SECONDS = 24 * 3600
_FILLING = ".filling-"
_LOCK_TIMEOUT_SECONDS = 900


class ImmutableDirectories:
    """Directories in one place, each named for what it is made from: another content, another name.

    Hooks and builds may still read a directory whose plugin is replaced or gone, so it stays for a
    day. Whoever dies while making one leaves a directory that no name leads to.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def get(self, name: str, fill: Callable[[Path], None]) -> Path:
        """Return the directory of that name; `fill` puts the content into an empty one, once."""
        directory = self._root / name
        self._marker(name).unlink(missing_ok=True)
        if not directory.is_dir():
            self._root.mkdir(parents=True, exist_ok=True)
            with FileLock(self._root / f".{name}.lock", timeout=_LOCK_TIMEOUT_SECONDS):
                if not directory.is_dir():
                    self._make(directory, fill)
        return directory

    def sweep(self, used_prefixes: Collection[str]) -> None:
        """Remove what has been unused for a day: names that begin with none of the prefixes."""
        remove_leftovers(self._root, _FILLING)
        for entry in self._root.iterdir() if self._root.is_dir() else ():
            if not entry.name.startswith((".", *used_prefixes)):
                self._expire(entry)

    def _make(self, directory: Path, fill: Callable[[Path], None]) -> None:
        staging = Path(tempfile.mkdtemp(prefix=_FILLING, dir=self._root))
        try:
            fill(staging)
            staging.chmod(0o755)
            staging.rename(directory)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _expire(self, directory: Path) -> None:
        marker = self._marker(directory.name)
        if not marker.exists():
            marker.touch()
        elif _is_older_than_a_day(marker):
            # Out of the way in one step, for another process may want it again just now.
            doomed = self._root / f"{_FILLING}{directory.name}"
            with contextlib.suppress(OSError):
                directory.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)
            marker.unlink(missing_ok=True)
            (self._root / f".{directory.name}.lock").unlink(missing_ok=True)

    def _marker(self, name: str) -> Path:
        return self._root / f".{name}.unused"


def remove_leftovers(directory: Path, prefix: str) -> None:
    """Remove temporary directories of processes that were killed: those of yesterday."""
    for entry in directory.glob(f"{prefix}*"):
        if _is_older_than_a_day(entry):
            shutil.rmtree(entry, ignore_errors=True)


def _is_older_than_a_day(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > KEEP_UNUSED_SECONDS
    except FileNotFoundError:
        return False
