"""The infrastructure targets of this platform: the built-in ones and those of plugins."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from racetrack_client.log.errors import ValidationError
from racetrack_client.log.logs import get_logger
from racetrack_commons.plugin.core import PluginCore
from racetrack_commons.plugin.hooks import PluginHooks
from racetrack_commons.plugin.plugin_data import PluginData

from lifecycle.infrastructure.model import InfrastructureTarget, TargetKeeper

logger = get_logger(__name__)


class InfrastructureRegistry:
    """Looks targets up by name."""

    def __init__(
        self,
        built_in: Mapping[str, InfrastructureTarget],
        of_plugins: Callable[[], Mapping[str, InfrastructureTarget]] = dict,
    ) -> None:
        self._built_in = dict(built_in)
        self._of_plugins = of_plugins

    def targets(self) -> dict[str, InfrastructureTarget]:
        """Return all targets by name; a plugin's target replaces a built-in one of the same name."""
        return {**self._built_in, **self._of_plugins()}

    def names(self) -> list[str]:
        """List the names, sorted."""
        return sorted(self.targets())

    def keepers(self) -> list[TargetKeeper]:
        """List the keepers of the targets that have one."""
        return [target.keeper for target in self.targets().values() if target.keeper]

    def get(self, name: str) -> InfrastructureTarget:
        """Return a target; ValidationError lists those there are."""
        target = self.targets().get(name)
        if target is None:
            raise ValidationError(
                f"there is no infrastructure target {name!r}; there are: {', '.join(self.names()) or 'none'}"
            )
        return target

    def choose(self, wanted: str | None, default: str | None) -> str:
        """Choose the target of a job: the one it wants, the only one, or the default; ValidationError otherwise."""
        names = self.names()
        if wanted:
            self.get(wanted)
            return wanted
        if len(names) == 1:
            return names[0]
        if default:
            self.get(default)
            return default
        raise ValidationError(
            f"the manifest must name its infrastructure_target, one of: {', '.join(names) or 'none is installed'}"
        )

    def image_kind(self, name: str) -> str:
        """Return the kind of image that a target runs, in Image Builder's words; ValidationError as `get`."""
        return self.get(name).image_kind


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
