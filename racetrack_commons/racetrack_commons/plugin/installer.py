"""Installing, configuring and removing packages; a package is installed only after a successful trial load."""

from pathlib import Path

from racetrack_client.log.context_error import wrap_context
from racetrack_client.log.errors import (
    AlreadyExists,
    EntityNotFound,
    ServiceUnavailable,
    ValidationError,
)
from racetrack_client.log.logs import get_logger
from racetrack_client.plugin.plugin_manifest import PluginManifest

from racetrack_commons.plugin.loader import make_instance
from racetrack_commons.plugin.package import InvalidPlugin, read_package_manifest
from racetrack_commons.plugin.programs import describe_missing_programs
from racetrack_commons.plugin.storage import PluginStorage, file_digest, write_atomically

logger = get_logger(__name__)

_INFRASTRUCTURE = "infrastructure"


class PluginInstaller:
    """Changes the packages in the plugins' directory, and signals each change to the other services."""

    def __init__(self, storage: PluginStorage) -> None:
        self._storage = storage

    def install(self, filename: str, content: bytes, replace: bool) -> PluginManifest:
        """Check a package, load it on trial and install it; raises InvalidPlugin, AlreadyExists or ServiceUnavailable."""
        with wrap_context(f"installing plugin {filename}"):
            if not filename.endswith(".zip"):
                raise InvalidPlugin("a plugin's file is named *.zip")
            return self._install(content, replace)

    def install_missing(self, directory: Path) -> list[PluginManifest]:
        """Install the packages of a directory that are missing here or have other contents; return their manifests."""
        installed = []
        for package in sorted(directory.glob("*.zip")):
            with wrap_context(f"installing plugin {package}"):
                manifest = read_package_manifest(package)
                present = self._storage.find_package(manifest.name, manifest.version)
                if present is None or file_digest(present) != file_digest(package):
                    replace = manifest.category == _INFRASTRUCTURE
                    installed.append(self._install(package.read_bytes(), replace))
        return installed

    def get(self, name: str, version: str) -> Path:
        """Return the package of a plugin; raises EntityNotFound when there is none."""
        package = self._storage.find_package(name, version)
        if package is None:
            raise EntityNotFound(f"there is no plugin {name} {version}")
        return package

    def delete(self, name: str, version: str) -> None:
        """Remove a plugin; its configuration remains. Raises EntityNotFound when there is none."""
        with self._storage.locked():
            self.get(name, version).unlink()
            self._storage.signal_change()

    def delete_all(self) -> list[PluginManifest]:
        """Remove all plugins; return the manifests that can be read."""
        with self._storage.locked():
            manifests = [manifest for _, manifest in self._manifests()]
            for package in self._storage.list_packages():
                package.unlink()
            self._storage.signal_change()
        return manifests

    def read_config(self, name: str, version: str) -> str:
        """Return the configuration of a plugin."""
        return self._storage.config(self.get(name, version)).read_text(encoding="utf-8")

    def configure(self, name: str, version: str, config_data: str) -> None:
        """Replace the configuration of a plugin if the plugin can be loaded with it; raises InvalidPlugin otherwise."""
        package = self.get(name, version)
        with self._storage.staging() as directory:
            config_path = directory / "config.yaml"
            config_path.write_text(config_data, encoding="utf-8")
            self._try(package, read_package_manifest(package), config_path)
        with self._storage.locked():
            write_atomically(self._storage.config(package), config_data)
            self._storage.signal_change()

    def _install(self, content: bytes, replace: bool) -> PluginManifest:
        with self._storage.staging() as directory:
            staged, config_path = directory / "plugin.zip", directory / "config.yaml"
            staged.write_bytes(content)
            config_path.touch()
            manifest = read_package_manifest(staged)
            if not replace:
                self._check_not_taken(manifest)
            self._try(staged, manifest, config_path)
            with self._storage.locked():
                # Checked again, because another process may have installed one meanwhile.
                if not replace:
                    self._check_not_taken(manifest)
                self._put(staged, manifest, replace)
                self._storage.signal_change()
        logger.info(f"plugin {manifest.name} {manifest.version} is installed")
        return manifest

    def _check_not_taken(self, manifest: PluginManifest) -> None:
        taken = any(each.name == manifest.name for _, each in self._manifests())
        if taken and manifest.category == _INFRASTRUCTURE:
            raise AlreadyExists(
                f"infrastructure plugin {manifest.name} is installed already; "
                "install it with `--replace` to put this version in its place"
            )

    def _try(self, package: Path, manifest: PluginManifest, config_path: Path) -> None:
        plugin_dir = self._storage.unpack(package, manifest)
        try:
            make_instance(self._storage, manifest, plugin_dir, config_path)
        except ServiceUnavailable:
            raise
        except (Exception, SystemExit) as e:
            raise InvalidPlugin(
                f"plugin {manifest.name} {manifest.version} can't be loaded: {type(e).__name__}: {e}"
            ) from e
        if manifest.category == _INFRASTRUCTURE and (
            missing := describe_missing_programs(plugin_dir)
        ):
            raise InvalidPlugin(
                f"plugin {manifest.name} {manifest.version} can't work here: {missing}"
            )

    def _put(self, staged: Path, manifest: PluginManifest, replace: bool) -> None:
        """Install the new package before removing the superseded ones, so that there is always one."""
        others = self._manifests()
        package = self._storage.add(staged, manifest)
        for path, other in others:
            is_superseded = replace or other.version == manifest.version
            if other.name == manifest.name and is_superseded and path != package:
                path.unlink()

    def _manifests(self) -> list[tuple[Path, PluginManifest]]:
        manifests = []
        for package in self._storage.list_packages():
            try:
                manifests.append((package, read_package_manifest(package)))
            except ValidationError:
                logger.warning(f"{package.name} is no readable plugin; it is left alone")
        return manifests
