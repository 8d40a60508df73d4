"""The directories that builds work in: one for each build, removed when the build ends."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from racetrack_client.log.logs import get_logger

logger = get_logger(__name__)

_LOCK_SUFFIX = ".lock"


class Workspaces:
    """The directories of one builder's builds.

    A lock distinguishes the directories of running builders from leftovers: the operating system releases it when the
    builder's process ends, even by a kill.
    """

    def __init__(self, root: Path, clean_up: bool = True) -> None:
        self._root = root.absolute()
        self._clean_up = clean_up
        self._own = self._root / f"builder-{secrets.token_hex(4)}"
        self._lock = FileLock(f"{self._own}{_LOCK_SUFFIX}")

    def start(self) -> None:
        """Create a directory for this builder, and remove those of builders that no longer run."""
        self._root.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        self._own.mkdir()
        for lock_file in self._root.glob(f"builder-*{_LOCK_SUFFIX}"):
            if lock_file != Path(self._lock.lock_file):
                _remove_leftover(lock_file)
        if self._clean_up:
            self._remove_kept()

    def stop(self) -> None:
        """Remove this builder's directory and release its lock."""
        if self._clean_up:
            shutil.rmtree(self._own, ignore_errors=True)
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)

    @contextmanager
    def open(self, deployment_id: str) -> Iterator[Path]:
        """Yield an empty directory for a build, and remove it when the block ends."""
        workspace = self._own / f"{deployment_id}-{secrets.token_hex(4)}"
        workspace.mkdir()
        try:
            yield workspace
        finally:
            self.clean(workspace)

    def _remove_kept(self) -> None:
        """Remove the directories that earlier builders kept because their `clean_up` was off."""
        for directory in self._root.glob("builder-????????"):
            # A builder creates its lock before its directory.
            if not directory.with_name(f"{directory.name}{_LOCK_SUFFIX}").exists():
                shutil.rmtree(directory, ignore_errors=True)

    def clean(self, workspace: Path) -> None:
        """Remove a build's directory before its block ends; repeated calls are harmless."""
        if self._clean_up:
            shutil.rmtree(workspace, ignore_errors=True)


def _remove_leftover(lock_file: Path) -> None:
    try:
        with FileLock(lock_file, timeout=0):
            directory = lock_file.with_name(lock_file.name.removesuffix(_LOCK_SUFFIX))
            shutil.rmtree(directory, ignore_errors=True)
            lock_file.unlink(missing_ok=True)
    except Timeout:
        return
    logger.info(f"removed the workspace {directory.name} of a builder that is gone")
