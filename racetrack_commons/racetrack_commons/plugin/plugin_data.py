"""Loaded plugins and broken plugins.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from racetrack_client.plugin.plugin_manifest import PluginManifest
from racetrack_client.utils.semver import SemanticVersion


@dataclass(frozen=True)
class PluginData:
    """A loaded plugin."""

    zip_path: Path
    plugin_manifest: PluginManifest
    plugin_instance: Any
    """The instance of the plugin's class; a `PluginCore`, which does nothing, in services that do not load the plugin."""
    config_path: Path
    plugin_dir: Path
    fingerprint: str = ""
    """A digest of the package and its configuration."""

    @property
    def order(self) -> tuple[int, SemanticVersion]:
        """The sort key of the plugin among all plugins, which are called in ascending order."""
        version = SemanticVersion.parse(self.plugin_manifest.version)
        return self.plugin_manifest.priority, version

    def __str__(self) -> str:
        return f"{self.plugin_manifest.name} {self.plugin_manifest.version}"


@dataclass(frozen=True)
class BrokenPlugin:
    """A package that could not be loaded."""

    zip_path: Path
    error: str
    is_temporary: bool = False
    """True if another attempt may succeed, because only its libraries could not be fetched."""
