"""The log of a build, kept in a file."""

import os
from pathlib import Path
from types import TracebackType
from typing import IO

from racetrack_client.log.logs import get_logger

logger = get_logger(__name__)


class BuildLogFile:
    """Collects the lines of one build, up to a size."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._written = 0
        self._file: IO[bytes] | None = None

    def __enter__(self) -> "BuildLogFile":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("wb", buffering=0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, line: str) -> bool:
        """Write a line; false when the log is full and the line was dropped."""
        if self._written > self._max_bytes:
            return False
        content = f"{line}\n".encode(errors="replace")
        self._written += len(content)
        if self._written > self._max_bytes:
            content = f"(the log is cut here: it is longer than {self._max_bytes} bytes)\n".encode()
        self._keep(content)
        return self._written <= self._max_bytes

    def _keep(self, content: bytes) -> None:
        if self._file is None:
            return
        try:
            self._file.write(content)
        except OSError as error:
            # A full disk is no reason to fail a build that needs none of it; those who listen still get the lines.
            logger.warning(f"the build log {self._path} ends early: {error}")
            self._file.close()
            self._file = None


def remove_old_logs(directory: Path, kept: int) -> None:
    """Remove all but the newest logs."""
    with os.scandir(directory) as entries:
        paths = [Path(entry.path) for entry in entries if entry.name.endswith(".log")]
    for path in sorted(paths, key=_age)[kept:]:
        path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    try:
        return -path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0  # Another build removed it a moment ago.
