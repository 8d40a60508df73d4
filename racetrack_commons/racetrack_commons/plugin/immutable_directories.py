"""Directories that never change once they are complete, so that their users can rely on them."""

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
    """Directories under one root, each named after its content.

    Hooks and builds may still read the directory of a replaced or removed plugin, so it stays for a day. A process that
    is killed while it fills a directory leaves one under a temporary name.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def get(self, name: str, fill: Callable[[Path], None]) -> Path:
        """Return the directory of a name; when it is missing, `fill` is called once with an empty directory to fill."""
        directory = self._root / name
        self._marker(name).unlink(missing_ok=True)
        if not directory.is_dir():
            self._root.mkdir(parents=True, exist_ok=True)
            with FileLock(self._root / f".{name}.lock", timeout=_LOCK_TIMEOUT_SECONDS):
                if not directory.is_dir():
                    self._make(directory, fill)
        return directory

    def sweep(self, used_prefixes: Collection[str]) -> None:
        """Remove directories that have been unused for a day: their names begin with none of the prefixes."""
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
            # The rename removes it in one step, because another process may ask for it at this moment.
            doomed = self._root / f"{_FILLING}{directory.name}"
            with contextlib.suppress(OSError):
                directory.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)
            marker.unlink(missing_ok=True)
            (self._root / f".{directory.name}.lock").unlink(missing_ok=True)

    def _marker(self, name: str) -> Path:
        return self._root / f".{name}.unused"


def remove_leftovers(directory: Path, prefix: str) -> None:
    """Remove the temporary directories of killed processes: those older than a day."""
    for entry in directory.glob(f"{prefix}*"):
        if _is_older_than_a_day(entry):
            shutil.rmtree(entry, ignore_errors=True)


def _is_older_than_a_day(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > KEEP_UNUSED_SECONDS
    except FileNotFoundError:
        return False
