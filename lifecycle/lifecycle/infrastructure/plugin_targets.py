"""The infrastructure targets of plugins."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from racetrack_client.log.logs import get_logger
from racetrack_commons.plugin.core import PluginCore
from racetrack_commons.plugin.hooks import PluginHooks
from racetrack_commons.plugin.plugin_data import PluginData

from lifecycle.infrastructure.model import InfrastructureTarget

logger = get_logger(__name__)


@dataclass(frozen=True)
class PluginTarget:
    """A target, and where it comes from."""

    name: str
    plugin: PluginData
    target: InfrastructureTarget


@dataclass(frozen=True)
class PluginTargets:
    """Asks plugins for their targets, afresh each time; what is none is left out and told in the log."""

    plugins: PluginHooks

    def find(self) -> dict[str, InfrastructureTarget]:
        """Return the targets by name; of two with the same name the later plugin's."""
        return {found.name: found.target for found in self.list_all()}

    def list_all(self) -> Iterator[PluginTarget]:
        """List the targets in the order of the plugins."""
        for plugin, given in self.plugins.invoke_hook_isolated(PluginCore.infrastructure_targets):
            if not isinstance(given, Mapping | None):
                kind = type(given).__name__
                logger.error(f"infrastructure_targets() of plugin {plugin} returned {kind}, no map")
                continue
            for name, target in (given or {}).items():
                if isinstance(target, InfrastructureTarget):
                    yield PluginTarget(str(name), plugin, target)
                else:
                    kind = type(target).__name__
                    logger.error(f"target {name} of plugin {plugin} is no target but {kind}")
