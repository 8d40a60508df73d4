"""The plugin engine: which plugins there are, and calling their hooks."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from racetrack_client.log.context_error import wrap_context
from racetrack_client.log.errors import EntityNotFound
from racetrack_client.log.logs import get_logger
from racetrack_client.plugin.plugin_manifest import PluginManifest

from racetrack_commons.clock import Clock
from racetrack_commons.plugin.call import safe_call
from racetrack_commons.plugin.install import PluginInstaller
from racetrack_commons.plugin.loader import load_plugins
from racetrack_commons.plugin.plugin_data import BrokenPlugin, PluginData
from racetrack_commons.plugin.storage import PluginStorage, write_atomically
from racetrack_commons.plugin.watch import ChangeWatcher

logger = get_logger(__name__)

Hook = Callable[..., Any]
"""A method of `PluginCore`; plugins are asked for the one of the same name."""


class PluginEngine:
    """Loads the plugins of a directory, and again when they change; without one there are none.

    `on_reload` is called after each reload. A plugin that can't be loaded is listed among
    `broken_plugins` and disturbs no other.
    """

    def __init__(
        self,
        plugins_dir: str | Path | None = None,
        on_reload: Callable[[], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._on_reload = on_reload
        self._reloading = threading.RLock()
        self._plugins: list[PluginData] = []
        self._broken: list[BrokenPlugin] = []
        self._seen_change = 0
        self._storage = PluginStorage(Path(plugins_dir)) if plugins_dir else None
        self._watcher: ChangeWatcher | None = None
        if self._storage is not None:
            self.reload()
            self._watcher = ChangeWatcher(
                self._storage.last_change, self._notice_change, clock or Clock()
            )
            self._watcher.start()

    def stop(self) -> None:
        """Stop watching for changes."""
        if self._watcher is not None:
            self._watcher.stop()

    def reload(self) -> None:
        """Load the plugins anew; those that did not change stay as they are."""
        if self._storage is None:
            return
        with self._reloading:
            self._seen_change = self._storage.last_change()
            with self._storage.locked():
                self._plugins, self._broken = load_plugins(self._storage, self._plugins)
            names = ", ".join(map(str, self._plugins)) or "none"
            logger.info(f"plugins: {names}")
            if self._on_reload is not None:
                self._on_reload()

    # Which plugins there are

    @property
    def plugins_path(self) -> Path | None:
        """Return the directory of the plugins."""
        return self._storage.directory if self._storage else None

    @property
    def plugins_data(self) -> list[PluginData]:
        """Return the plugins in the order in which their hooks run."""
        return list(self._plugins)

    @property
    def plugin_manifests(self) -> list[PluginManifest]:
        """Return the manifests of the plugins, in the same order."""
        return [plugin.plugin_manifest for plugin in self._plugins]

    @property
    def broken_plugins(self) -> list[BrokenPlugin]:
        """Return the packages that could not be loaded, and why."""
        return list(self._broken)

    def find_plugins(self, name: str) -> list[PluginData]:
        """Return all versions of a plugin, the lowest first."""
        return [plugin for plugin in self._plugins if plugin.plugin_manifest.name == name]

    def find_plugin(self, name: str, version: str | None = None) -> PluginData:
        """Return a plugin, by default its highest version; EntityNotFound when there is none."""
        for plugin in reversed(self.find_plugins(name)):
            if version in (None, plugin.plugin_manifest.version):
                return plugin
        raise EntityNotFound(f"there is no plugin {name} {version or ''}".strip())

    # Hooks

    def invoke_plugin_hook(self, hook: Hook, *args: Any, **kwargs: Any) -> list[Any]:
        """Call a hook of all plugins that have it; an error stops the chain."""
        return [result for _, result in self.invoke_hook_with_origin(hook, *args, **kwargs)]

    def invoke_hook_with_origin(
        self, hook: Hook, *args: Any, **kwargs: Any
    ) -> list[tuple[PluginData, Any]]:
        """Call a hook of all plugins that have it; tells which plugin gave what."""
        return [
            (plugin, self.invoke_plugin_data_hook(plugin, hook, *args, **kwargs))
            for plugin in self._plugins
            if hasattr(plugin.plugin_instance, hook.__name__)
        ]

    def invoke_hook_isolated(
        self, hook: Hook, *args: Any, **kwargs: Any
    ) -> list[tuple[PluginData, Any]]:
        """Call a hook of all plugins that have it; those that fail are logged and left out."""
        results = []
        for plugin in self._plugins:
            if not hasattr(plugin.plugin_instance, hook.__name__):
                continue
            try:
                result = self.invoke_plugin_data_hook(plugin, hook, *args, **kwargs)
            except Exception as e:
                logger.error(str(e), exc_info=e)
            else:
                results.append((plugin, result))
        return results

    def invoke_one_plugin_hook(self, name: str, hook: Hook, *args: Any, **kwargs: Any) -> Any:
        """Call a hook of one plugin, in its highest version."""
        return self.invoke_plugin_data_hook(self.find_plugin(name), hook, *args, **kwargs)

    def invoke_plugin_data_hook(
        self, plugin: PluginData, hook: Hook, *args: Any, **kwargs: Any
    ) -> Any:
        """Call a hook of a given plugin; None, with a warning, when the plugin lacks it."""
        function = getattr(plugin.plugin_instance, hook.__name__, None)
        if function is None:
            logger.warning(f"plugin {plugin} has no hook {hook.__name__}")
            return None
        with wrap_context(f"hook {hook.__name__} of plugin {plugin}"):
            return safe_call(function, *args, **kwargs)

    # Changing which plugins there are

    def upload_plugin(self, filename: str, content: bytes, replace: bool = False) -> PluginManifest:
        """Install a package, after loading it once on trial; `replace` removes other versions."""
        manifest = self._installer.install(filename, content, replace)
        self._publish()
        return manifest

    def install_bundled(self, directory: Path) -> list[PluginManifest]:
        """Install the packages of a directory that are not there yet, or in other contents."""
        installed = self._installer.install_missing(directory)
        if installed:
            self._publish()
        return installed

    def delete_plugin_by_version(self, name: str, version: str) -> None:
        """Remove a plugin, even a broken one; EntityNotFound when there is none."""
        self._installer.delete(name, version)
        self._publish()

    def delete_all_plugins(self) -> None:
        """Remove all plugins."""
        self._installer.delete_all()
        self._publish()

    def read_plugin_config(self, name: str, version: str) -> str:
        """Return the configuration of a plugin."""
        return self.find_plugin(name, version).config_path.read_text(encoding="utf-8")

    def write_plugin_config(self, name: str, version: str, config_data: str) -> None:
        """Replace the configuration of a plugin, and load it anew everywhere."""
        write_atomically(self.find_plugin(name, version).config_path, config_data)
        self._publish()

    @property
    def _installer(self) -> PluginInstaller:
        if self._storage is None:
            raise EntityNotFound("this service has no directory for plugins (PLUGINS_DIR)")
        return PluginInstaller(self._storage)

    def _publish(self) -> None:
        if self._storage is not None:
            with self._storage.locked():
                self._storage.signal_change()
            self.reload()

    def _notice_change(self, number: int) -> None:
        if number != self._seen_change:
            self.reload()
