"""The plugins' directory, which several services share."""

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from racetrack_client.log.errors import ValidationError
from racetrack_client.plugin.plugin_manifest import PluginManifest

from racetrack_commons.plugin.immutable_directories import ImmutableDirectories, remove_leftovers
from racetrack_commons.plugin.libraries import install_requirements, python_tag
from racetrack_commons.plugin.package import (
    InvalidPlugin,
    extract_package,
    package_stem,
    read_package_manifest,
)

_CHANGE_FILE = "last-change.txt"
_LOCK_TIMEOUT_SECONDS = 60
_STAGING = ".staging-"

State = tuple[object, ...]
"""The state of the directory; a different value means that plugins or configurations have changed."""


class PluginStorage:
    """The packages, their unpacked files, libraries and configurations, and the number of the last change.

    A writer of packages must hold `locked()`, which also excludes other processes. Readers need no lock: files are
    replaced atomically, and unpacked directories never change.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._unpacked = ImmutableDirectories(self.directory / "extracted")
        self._libraries = ImmutableDirectories(self.directory / "requirements")
        # The lock is thread-local, the default, so that it also excludes other threads of this process.
        self._lock = FileLock(self.directory / ".lock", timeout=_LOCK_TIMEOUT_SECONDS)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Exclude other writers of packages within the block, which must be short."""
        with self._lock:
            yield

    def list_packages(self) -> list[Path]:
        """Return the installed packages, in the order of their names."""
        return sorted(self.directory.glob("*.zip"))

    def find_package(self, name: str, version: str) -> Path | None:
        """Return the package of a plugin, whether it loads or not; None when there is none."""
        stem = f"{name}-{version}"
        packages = self.list_packages()
        found = next((path for path in packages if path.stem == stem), None)
        return found or next((path for path in packages if _is_of(path, name, version)), None)

    def package_of(self, manifest: PluginManifest) -> Path:
        """Return the path at which the package of a plugin is installed."""
        return self.directory / f"{package_stem(manifest)}.zip"

    def unpack(self, package: Path, manifest: PluginManifest) -> Path:
        """Return the directory with the files of a package, unpacked at the first call."""

        def fill(directory: Path) -> None:
            extract_package(package, directory)
            if file_digest(package) != digest:
                raise InvalidPlugin(f"plugin {package.name} was replaced while it was loaded")

        digest = file_digest(package)
        return self._unpacked.get(_derived_name(manifest, digest), fill)

    def install_libraries(self, plugin_dir: Path) -> Path | None:
        """Return the directory of the libraries that an unpacked plugin requires, or None when it requires none."""
        if not (plugin_dir / "requirements.txt").is_file():
            return None
        name = f"{plugin_dir.name}-{python_tag()}"
        return self._libraries.get(name, lambda target: install_requirements(plugin_dir, target))

    def config(self, package: Path) -> Path:
        """Return the path of a plugin's configuration; a new version starts with a copy of the previous one's."""
        path = self.directory / "config" / package.stem / "config.yaml"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                _write_new(path, self._previous_config(package))
        return path

    def add(self, staged: Path, manifest: PluginManifest) -> Path:
        """Move a checked package into the directory and return its path; the same version is replaced."""
        package = self.package_of(manifest)
        staged.replace(package)
        self.config(package)
        return package

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Give a temporary directory for a package that is checked before it is installed."""
        with tempfile.TemporaryDirectory(prefix=_STAGING, dir=self.directory) as directory:
            yield Path(directory)

    def sweep(self) -> None:
        """Remove unpacked files and libraries that are no longer used, and the leftovers of killed processes."""
        remove_leftovers(self.directory, _STAGING)
        used = []
        for package in self.list_packages():
            with contextlib.suppress(ValidationError, FileNotFoundError):
                used.append(_derived_name(read_package_manifest(package), file_digest(package)))
        self._unpacked.sweep(used)
        self._libraries.sweep(used)

    def read_state(self) -> State:
        """Return the state of the directory; cheap enough for polling."""
        files = [*self.directory.glob("*.zip"), *self.directory.glob("config/*/config.yaml")]
        return (self.last_change(), *sorted(filter(None, map(_look_at, files))))

    def last_change(self) -> int:
        """Return the number of the last change; 0 before the first."""
        try:
            return int((self.directory / _CHANGE_FILE).read_text().strip() or 0)
        except (OSError, ValueError):
            return 0

    def signal_change(self) -> int:
        """Signal to the other services that plugins have changed; return the new number, which always grows."""
        number = max(self.last_change() + 1, int(time.time()))
        write_atomically(self.directory / _CHANGE_FILE, str(number))
        return number

    def _previous_config(self, package: Path) -> str:
        """Return the configuration of the previous version: the newest one of the same plugin; empty when there is none."""
        try:
            name = read_package_manifest(package).name
        except ValidationError:
            return ""
        others = [
            self.directory / "config" / each.stem / "config.yaml"
            for each in self.list_packages()
            if each != package and each.stem.startswith(f"{name}-") and _is_of(each, name)
        ]
        existing = sorted((path for path in others if path.exists()), key=_modified)
        return existing[-1].read_text(encoding="utf-8") if existing else ""


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, text: str) -> None:
    """Write a file atomically: readers see the old text or the new one, never a part."""
    _write_beside(path, text).replace(path)


def _write_new(path: Path, text: str) -> None:
    """Write a new file atomically; raises FileExistsError when it exists."""
    written = _write_beside(path, text)
    try:
        os.link(written, path)
    finally:
        written.unlink()


def _write_beside(path: Path, text: str) -> Path:
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=".writing-", delete=False
    ) as file:
        file.write(text)
    written = Path(file.name)
    written.chmod(0o664)
    return written


def _derived_name(manifest: PluginManifest, digest: str) -> str:
    return f"{package_stem(manifest)}-{digest[:12]}"


def _is_of(package: Path, name: str, version: str | None = None) -> bool:
    try:
        manifest = read_package_manifest(package)
    except ValidationError:
        return False
    return manifest.name == name and version in (None, manifest.version)


def _look_at(path: Path) -> tuple[str, int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return str(path), found.st_ino, found.st_mtime_ns, found.st_size


def _modified(path: Path) -> int:
    return path.stat().st_mtime_ns
