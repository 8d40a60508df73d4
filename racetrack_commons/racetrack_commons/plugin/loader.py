"""From packages on disk to loaded plugins, each on its own."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from racetrack_client.log.errors import ServiceUnavailable
from racetrack_client.log.logs import get_logger
from racetrack_client.plugin.plugin_manifest import PluginManifest

from racetrack_commons.plugin.core import PluginCore
from racetrack_commons.plugin.loading import PluginFiles, instantiate_plugin, takes_part
from racetrack_commons.plugin.package import read_package_manifest
from racetrack_commons.plugin.plugin_data import BrokenPlugin, PluginData
from racetrack_commons.plugin.storage import PluginStorage, file_digest

logger = get_logger(__name__)


def load_plugins(
    storage: PluginStorage, known: Sequence[PluginData] = ()
) -> tuple[list[PluginData], list[BrokenPlugin]]:
    """Load every package; those that are known and did not change stay as they are."""
    unchanged = {plugin.fingerprint: plugin for plugin in known}
    plugins: list[PluginData] = []
    broken: list[BrokenPlugin] = []
    for package in storage.list_packages():
        try:
            fingerprint = _fingerprint(package, storage.config(package))
            plugins.append(unchanged.get(fingerprint) or _load(storage, package, fingerprint))
        except (Exception, SystemExit) as e:
            if package.exists():  # or it was removed a moment ago
                logger.error(f"plugin {package.name} can't be loaded: {e}", exc_info=e)
                error = f"{type(e).__name__}: {e}"
                broken.append(BrokenPlugin(package, error, isinstance(e, ServiceUnavailable)))
    return sorted(plugins, key=lambda plugin: plugin.order), broken


def make_instance(
    storage: PluginStorage, manifest: PluginManifest, plugin_dir: Path, config_path: Path
) -> Any:
    """Make a plugin's instance, or an idle one when it takes no part in this service."""
    if not takes_part(manifest):
        return PluginCore()
    files = PluginFiles(plugin_dir, config_path, storage.install_libraries(plugin_dir))
    return instantiate_plugin(manifest, files)


def _load(storage: PluginStorage, package: Path, fingerprint: str) -> PluginData:
    manifest = read_package_manifest(package)
    plugin_dir = storage.unpack(package, manifest)
    config_path = storage.config(package)
    return PluginData(
        zip_path=package,
        plugin_manifest=manifest,
        plugin_instance=make_instance(storage, manifest, plugin_dir, config_path),
        config_path=config_path,
        plugin_dir=plugin_dir,
        fingerprint=fingerprint,
    )


def _fingerprint(package: Path, config_path: Path) -> str:
    text = f"{package}\n{file_digest(package)}\n{file_digest(config_path)}"
    return hashlib.sha256(text.encode()).hexdigest()
