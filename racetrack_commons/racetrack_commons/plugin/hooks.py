"""Calling the hooks of plugins."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

from racetrack_client.log.context_error import wrap_context
from racetrack_client.log.errors import EntityNotFound
from racetrack_client.log.logs import get_logger

from racetrack_commons.plugin.call import safe_call
from racetrack_commons.plugin.plugin_data import PluginData

logger = get_logger(__name__)

Hook = Callable[..., Any]
"""A method of `PluginCore`; the plugin's method of the same name is called."""


class PluginHooks(ABC):
    """Calls hooks of plugins, in the plugins' order.

    A call uses the plugins that are loaded when it begins, even when they are reloaded meanwhile.
    """

    @property
    @abstractmethod
    def plugins_data(self) -> list[PluginData]:
        """The plugins, in the order in which their hooks run."""

    def find_plugins(self, name: str) -> list[PluginData]:
        """Return all versions of a plugin, the lowest first."""
        return [plugin for plugin in self.plugins_data if plugin.plugin_manifest.name == name]

    def find_plugin(self, name: str, version: str | None = None) -> PluginData:
        """Return a plugin, by default its highest version; raises EntityNotFound when there is none."""
        for plugin in reversed(self.find_plugins(name)):
            if version in (None, plugin.plugin_manifest.version):
                return plugin
        raise EntityNotFound(f"there is no plugin {name} {version or ''}".strip())

    def invoke_plugin_hook(self, hook: Hook, /, *args: Any, **kwargs: Any) -> list[Any]:
        """Call a hook of all plugins that have it and return the results; the first error ends the call."""
        return [result for _, result in self.invoke_hook_with_origin(hook, *args, **kwargs)]

    def invoke_hook_with_origin(
        self, hook: Hook, /, *args: Any, **kwargs: Any
    ) -> list[tuple[PluginData, Any]]:
        """Call a hook of all plugins that have it; return each plugin with its result."""
        return [
            (plugin, self.invoke_plugin_data_hook(plugin, hook, *args, **kwargs))
            for plugin in self._list_with(hook)
        ]

    def invoke_hook_isolated(
        self, hook: Hook, /, *args: Any, **kwargs: Any
    ) -> list[tuple[PluginData, Any]]:
        """Call a hook of all plugins that have it; return each plugin with its result. Failures are logged and left out."""
        results = []
        for plugin in self._list_with(hook):
            try:
                result = self.invoke_plugin_data_hook(plugin, hook, *args, **kwargs)
            except Exception as e:
                logger.error(str(e), exc_info=e)
            else:
                results.append((plugin, result))
        return results

    def invoke_one_plugin_hook(self, name: str, hook: Hook, /, *args: Any, **kwargs: Any) -> Any:
        """Call a hook of the highest version of one plugin and return its result."""
        return self.invoke_plugin_data_hook(self.find_plugin(name), hook, *args, **kwargs)

    def invoke_plugin_data_hook(
        self, plugin: PluginData, hook: Hook, /, *args: Any, **kwargs: Any
    ) -> Any:
        """Call a hook of a given plugin and return its result; None, with a warning, when the plugin lacks the hook."""
        function = getattr(plugin.plugin_instance, hook.__name__, None)
        if function is None:
            logger.warning(f"plugin {plugin} has no hook {hook.__name__}")
            return None
        with wrap_context(f"hook {hook.__name__} of plugin {plugin}"):
            return safe_call(function, *args, **kwargs)

    def _list_with(self, hook: Hook) -> Iterator[PluginData]:
        plugins = self.plugins_data
        return (each for each in plugins if hasattr(each.plugin_instance, hook.__name__))
