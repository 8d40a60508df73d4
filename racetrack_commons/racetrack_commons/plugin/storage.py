"""The plugins' directory, which several services share."""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from racetrack_client.log.errors import ValidationError
from racetrack_client.plugin.plugin_manifest import PluginManifest

from racetrack_commons.plugin.package import (
    extract_package,
    package_stem,
    read_package_manifest,
)

_CHANGE_FILE = "last-change.txt"
_LOCK_TIMEOUT_SECONDS = 900


class PluginStorage:
    """Packages, what they unpack to, their libraries and configurations, and the sign of a change.

    Whoever writes holds `locked()`, also against other processes. Nothing is ever half there:
    files and directories are made beside their place and then moved.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.directory.mkdir(parents=True, exist_ok=True)
        # Thread-local, the default: threads of one process keep each other out, too.
        self._lock = FileLock(self.directory / ".lock", timeout=_LOCK_TIMEOUT_SECONDS)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from changing the directory meanwhile."""
        with self._lock:
            yield

    def list_packages(self) -> list[Path]:
        """Return the installed packages, in the order of their names."""
        return sorted(self.directory.glob("*.zip"))

    def find_package(self, name: str, version: str) -> Path | None:
        """Return the package of a plugin, whether it loads or not; None when there is none."""
        stem = f"{name}-{version}"
        return next((path for path in self.list_packages() if path.stem == stem), None)

    def package_of(self, manifest: PluginManifest) -> Path:
        """Return where the package of a plugin belongs."""
        return self.directory / f"{package_stem(manifest)}.zip"

    def unpacked(self, package: Path) -> Path:
        """Return the directory that a package unpacks to, fresh when the package was replaced."""
        directory = self.directory / "extracted" / package.stem
        marker = directory.parent / f".{package.stem}.digest"
        digest = file_digest(package)
        if directory.is_dir() and marker.is_file() and marker.read_text() == digest:
            return directory
        directory.parent.mkdir(exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=directory.parent))
        staging.chmod(0o755)
        try:
            extract_package(package, staging)
            shutil.rmtree(directory, ignore_errors=True)
            staging.rename(directory)
            write_atomically(marker, digest)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        return directory

    def libraries(self, package: Path) -> Path:
        """Return the directory for the libraries that a plugin requires."""
        return self.directory / "requirements" / package.stem

    def config(self, package: Path) -> Path:
        """Return a plugin's configuration; a new version begins with that of the one before."""
        path = self.directory / "config" / package.stem / "config.yaml"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, self._previous_config(package))
        return path

    def add(self, staged: Path, manifest: PluginManifest) -> Path:
        """Move a checked package to its place; the same version is replaced."""
        package = self.package_of(manifest)
        staged.replace(package)
        return package

    def remove(self, package: Path) -> None:
        """Remove a package and what came out of it; its configuration stays."""
        package.unlink(missing_ok=True)
        shutil.rmtree(self.directory / "extracted" / package.stem, ignore_errors=True)
        (self.directory / "extracted" / f".{package.stem}.digest").unlink(missing_ok=True)
        shutil.rmtree(self.libraries(package), ignore_errors=True)

    @contextmanager
    def staging(self, content: bytes) -> Iterator[Path]:
        """Hold a package beside the others while it is examined."""
        with tempfile.TemporaryDirectory(prefix=".staging-", dir=self.directory) as directory:
            path = Path(directory) / "plugin.zip"
            path.write_bytes(content)
            yield path

    def last_change(self) -> int:
        """Return the number of the last change; 0 before the first."""
        try:
            return int((self.directory / _CHANGE_FILE).read_text().strip() or 0)
        except (OSError, ValueError):
            return 0

    def signal_change(self) -> int:
        """Tell the other services that plugins changed; the number only ever grows."""
        number = max(self.last_change() + 1, int(time.time()))
        write_atomically(self.directory / _CHANGE_FILE, str(number))
        return number

    def _previous_config(self, package: Path) -> str:
        """Find the configuration of the version before: the newest among those of the same name."""
        try:
            name = read_package_manifest(package).name
        except ValidationError:
            return ""
        others = [
            self.directory / "config" / each.stem / "config.yaml"
            for each in self.list_packages()
            if each != package and each.stem.startswith(f"{name}-") and _has_name(each, name)
        ]
        existing = sorted((path for path in others if path.exists()), key=_modified)
        return existing[-1].read_text(encoding="utf-8") if existing else ""


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that readers see the old text or the new, never a part."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=".writing-", delete=False
    ) as file:
        file.write(text)
    written = Path(file.name)
    written.chmod(0o664)
    written.replace(path)


def _has_name(package: Path, name: str) -> bool:
    try:
        return read_package_manifest(package).name == name
    except ValidationError:
        return False


def _modified(path: Path) -> int:
    return path.stat().st_mtime_ns
