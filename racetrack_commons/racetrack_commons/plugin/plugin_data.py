"""A loaded plugin, and one that could not be loaded."""

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
    """The plugin's own class; `PluginCore`, doing nothing, where the plugin takes no part."""
    config_path: Path
    plugin_dir: Path
    fingerprint: str = ""
    """Changes with the package and with its configuration."""

    @property
    def order(self) -> tuple[int, SemanticVersion]:
        """Where the plugin stands among the others: the lowest first."""
        version = SemanticVersion.parse(self.plugin_manifest.version)
        return self.plugin_manifest.priority, version

    def __str__(self) -> str:
        return f"{self.plugin_manifest.name} {self.plugin_manifest.version}"


@dataclass(frozen=True)
class BrokenPlugin:
    """A package that could not be loaded; the others do not suffer."""

    zip_path: Path
    error: str
    is_temporary: bool = False
    """Whether another try may help: its libraries could not be fetched."""
