"""Installing and removing packages; nothing reaches its place before it has loaded once."""

import shutil
from pathlib import Path

from racetrack_client.log.context_error import wrap_context
from racetrack_client.log.errors import AlreadyExists, EntityNotFound, ValidationError
from racetrack_client.log.logs import get_logger
from racetrack_client.plugin.plugin_manifest import PluginManifest

from racetrack_commons.plugin.loader import make_instance
from racetrack_commons.plugin.package import (
    InvalidPlugin,
    extract_package,
    read_package_manifest,
)
from racetrack_commons.plugin.storage import PluginStorage, file_digest

logger = get_logger(__name__)

_INFRASTRUCTURE = "infrastructure"


class PluginInstaller:
    """Changes which packages a plugins' directory holds."""

    def __init__(self, storage: PluginStorage) -> None:
        self._storage = storage

    def install(self, filename: str, content: bytes, replace: bool) -> PluginManifest:
        """Check a package, load it on trial and put it in its place."""
        if not filename.endswith(".zip"):
            raise InvalidPlugin(f"a plugin's file is named *.zip, not {filename}")
        with wrap_context(f"installing plugin {filename}"), self._storage.locked():
            return self._install(content, replace)

    def install_missing(self, directory: Path) -> list[PluginManifest]:
        """Install the packages of a directory that are not there yet, or in other contents."""
        installed = []
        for package in sorted(directory.glob("*.zip")):
            with wrap_context(f"installing plugin {package}"), self._storage.locked():
                manifest = read_package_manifest(package)
                present = self._storage.find_package(manifest.name, manifest.version)
                if present is None or file_digest(present) != file_digest(package):
                    replace = manifest.category == _INFRASTRUCTURE
                    installed.append(self._install(package.read_bytes(), replace))
        return installed

    def delete(self, name: str, version: str) -> None:
        """Remove a plugin, even a broken one."""
        with self._storage.locked():
            package = self._storage.find_package(name, version) or self._find(name, version)
            if package is None:
                raise EntityNotFound(f"there is no plugin {name} {version}")
            self._storage.remove(package)

    def delete_all(self) -> None:
        """Remove all plugins."""
        with self._storage.locked():
            for package in self._storage.list_packages():
                self._storage.remove(package)

    def _install(self, content: bytes, replace: bool) -> PluginManifest:
        with self._storage.staging(content) as staged:
            manifest = read_package_manifest(staged)
            others = [
                (path, each) for path, each in self._manifests() if each.name == manifest.name
            ]
            if others and not replace and manifest.category == _INFRASTRUCTURE:
                raise AlreadyExists(
                    f"infrastructure plugin {manifest.name} is installed already; "
                    "install it with `--replace` to put this version in its place"
                )
            self._try(staged, manifest)
            for package, other in others:
                is_superseded = replace or other.version == manifest.version
                if is_superseded and package != self._storage.package_of(manifest):
                    self._storage.remove(package)
            self._storage.add(staged, manifest)
        logger.info(f"plugin {manifest.name} {manifest.version} is installed")
        return manifest

    def _try(self, staged: Path, manifest: PluginManifest) -> None:
        plugin_dir = staged.parent / "plugin"
        plugin_dir.mkdir()
        extract_package(staged, plugin_dir)
        config_path = staged.parent / "config.yaml"
        config_path.touch()
        package = self._storage.package_of(manifest)
        # Libraries go to their last place at once: modules imported on trial stay imported.
        libraries = self._storage.libraries(package)
        try:
            make_instance(manifest, plugin_dir, config_path, libraries)
        except (Exception, SystemExit) as e:
            if not package.exists():
                shutil.rmtree(libraries, ignore_errors=True)
            raise InvalidPlugin(
                f"plugin {manifest.name} {manifest.version} can't be loaded: {type(e).__name__}: {e}"
            ) from e

    def _find(self, name: str, version: str) -> Path | None:
        found = (
            path for path, each in self._manifests() if (each.name, each.version) == (name, version)
        )
        return next(found, None)

    def _manifests(self) -> list[tuple[Path, PluginManifest]]:
        manifests = []
        for package in self._storage.list_packages():
            try:
                manifests.append((package, read_package_manifest(package)))
            except ValidationError:
                logger.warning(f"{package.name} is no readable plugin; it is left alone")
        return manifests
