"""The infrastructure targets of this platform: the built-in ones and those of plugins."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from racetrack_client.log.errors import ValidationError
from racetrack_client.log.logs import get_logger
from racetrack_commons.clock import Clock
from racetrack_commons.plugin.core import PluginCore
from racetrack_commons.plugin.hooks import PluginHooks
from racetrack_commons.plugin.plugin_data import PluginData

from lifecycle.config import BuiltInTarget, Config
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.domain.secrets import SecretBox
from lifecycle.infrastructure.model import InfrastructureTarget, TargetKeeper

logger = get_logger(__name__)
_ASK_SECONDS = 1


class InfrastructureRegistry:
    """All infrastructure targets, found by their names."""

    def __init__(
        self,
        built_in: Mapping[str, InfrastructureTarget],
        of_plugins: Callable[[], Mapping[str, InfrastructureTarget]] = dict,
        clock: Clock | None = None,
    ) -> None:
        self._built_in = dict(built_in)
        self._of_plugins = of_plugins
        self._clock = clock or Clock()
        self._replaced: Collection[str] = ()
        self._asked_at = -math.inf

    def collect_targets(self) -> dict[str, InfrastructureTarget]:
        """Return all targets by name; a plugin's target replaces a built-in one of the same name."""
        return {**self._built_in, **self._of_plugins()}

    def list_names(self) -> list[str]:
        """List the names of all targets, sorted."""
        return sorted(self.collect_targets())

    def list_keepers(self) -> list[TargetKeeper]:
        """List the keepers of all targets, also of built-in ones that a plugin's target replaces now."""
        targets = (*self._built_in.values(), *self._of_plugins().values())
        return [target.keeper for target in targets if target.keeper]

    def is_in_charge(self, keeper: TargetKeeper) -> bool:
        """Return whether no plugin's target has taken the place of the built-in one that the keeper belongs to.

        Keepers ask several times a second; plugins are asked once a second.
        """
        replaced = self._list_replaced()
        return not any(
            target.keeper is keeper for name, target in self._built_in.items() if name in replaced
        )

    def _list_replaced(self) -> Collection[str]:
        now = self._clock.monotonic()
        if now >= self._asked_at + _ASK_SECONDS:
            self._replaced, self._asked_at = self._of_plugins().keys() & self._built_in.keys(), now
        return self._replaced

    def list_named(self, name: str) -> list[InfrastructureTarget]:
        """List the target of that name, and the built-in one that it replaces, whose instances may still run.

        Raises ValidationError, which lists the targets, if there is none.
        """
        present, built_in = self.get(name), self._built_in.get(name)
        return [present] if built_in is None or built_in is present else [present, built_in]

    def get(self, name: str) -> InfrastructureTarget:
        """Return the target of that name; raise ValidationError, which lists the targets, if there is none."""
        target = self.collect_targets().get(name)
        if target is None:
            raise ValidationError(
                f"there is no infrastructure target {name!r}; there are: {', '.join(self.list_names()) or 'none'}"
            )
        return target

    def choose(self, wanted: str | None, default: str | None) -> str:
        """Return the name of a job's target: the wanted one, the only one there is, or the default.

        Raise ValidationError when none of the three applies, or when that target doesn't exist.
        """
        names = self.list_names()
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

    def get_image_kind(self, name: str) -> str:
        """Return the kind of the images that a target runs; raise ValidationError like `get`."""
        return self.get(name).image_kind


class TargetModule(Protocol):
    """The module `lifecycle.infrastructure.<name>.target` of a built-in target."""

    def make_target(
        self, config: Config, unit_of_work: UnitOfWorkFactory, secret_box: SecretBox, clock: Clock
    ) -> InfrastructureTarget:
        """Return the target with its adapters; nothing is connected to yet."""


def load_targets(
    config: Config, unit_of_work: UnitOfWorkFactory, secret_box: SecretBox, clock: Clock
) -> dict[str, InfrastructureTarget]:
    """Import and make the built-in targets that the configuration names; return them by name.

    The other built-in targets are not imported, because their libraries take memory.
    """
    return {
        name.value: _import_target(name).make_target(config, unit_of_work, secret_box, clock)
        for name in config.built_in_targets
    }


@dataclass(frozen=True)
class PluginTarget:
    """A target, and the plugin that brings it."""

    name: str
    plugin: PluginData
    target: InfrastructureTarget


@dataclass(frozen=True)
class PluginTargets:
    """The targets of plugins, which are asked for them on each call.

    An object that is not a target is left out, and an error about it is logged.
    """

    plugins: PluginHooks

    def collect(self) -> dict[str, InfrastructureTarget]:
        """Return the targets by name; of two with the same name, the later plugin's."""
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


def _import_target(name: BuiltInTarget) -> TargetModule:
    return cast("TargetModule", import_module(f"lifecycle.infrastructure.{name.value}.target"))
