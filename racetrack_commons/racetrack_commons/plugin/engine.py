"""The plugin engine: the loaded plugins, and the thread that notices changes of other processes.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

import threading
from collections.abc import Callable
from pathlib import Path

from racetrack_client.log.errors import EntityNotFound
from racetrack_client.log.logs import get_logger
from racetrack_client.plugin.plugin_manifest import PluginManifest

from racetrack_commons.clock import Clock
from racetrack_commons.plugin.hooks import PluginHooks
from racetrack_commons.plugin.installer import PluginInstaller
from racetrack_commons.plugin.loader import load_plugins
from racetrack_commons.plugin.plugin_data import BrokenPlugin, PluginData
from racetrack_commons.plugin.storage import PluginStorage, State

logger = get_logger(__name__)
RETRY_SECONDS = 60
# Polling a few files costs less than watching the file system, and works on network volumes.
POLL_SECONDS = 0.5
_STOP_SECONDS = 5


class PluginEngine(PluginHooks):
    """Loads the plugins of a directory, and loads them again when they change; without a directory there are none.

    `on_reload` is called after each reload, in the thread that reloads. A plugin that can't be loaded is listed in
    `broken_plugins` and does not affect the others. Methods may be called from any thread.
    """

    def __init__(
        self,
        plugins_dir: str | Path | None = None,
        on_reload: Callable[[], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._on_reload = on_reload
        self._clock = clock or Clock()
        self._reloading = threading.RLock()
        self._plugins: list[PluginData] = []
        self._broken: list[BrokenPlugin] = []
        self._seen: State = ()
        self._reloaded_at = 0.0
        self._storage = PluginStorage(Path(plugins_dir)) if plugins_dir else None
        self._watcher: ChangeWatcher | None = None
        if self._storage is not None:
            self.reload()
            self._watcher = ChangeWatcher(self._notice_change, self._clock)
            self._watcher.start()

    def stop(self) -> None:
        """Stop watching for changes."""
        if self._watcher is not None:
            self._watcher.stop()

    def reload(self) -> None:
        """Load the plugins again; unchanged plugins keep their instances."""
        if self._storage is None:
            return
        with self._reloading:
            # The state is read before the packages, so that a change during the reload is noticed afterwards.
            self._seen = self._storage.read_state()
            self._plugins, self._broken = load_plugins(self._storage, self._plugins)
            self._reloaded_at = self._clock.monotonic()
            logger.info(f"plugins: {', '.join(map(str, self._plugins)) or 'none'}")
            self._sweep(self._storage)
            if self._on_reload is not None:
                self._on_reload()

    def catch_up(self) -> None:
        """Load the plugins again if another process has changed them; waits for a running reload.

        The watcher does so within a second; call this where the next step must not use older plugins.
        """
        with self._reloading:
            if self._storage is not None and self._storage.read_state() != self._seen:
                self.reload()

    @property
    def plugins_path(self) -> Path | None:
        """The directory of the plugins, or None."""
        return self._storage.directory if self._storage else None

    @property
    def plugins_data(self) -> list[PluginData]:
        """The plugins, in the order in which their hooks run."""
        return list(self._plugins)

    @property
    def plugin_manifests(self) -> list[PluginManifest]:
        """The manifests of the plugins, in the same order."""
        return [plugin.plugin_manifest for plugin in self._plugins]

    @property
    def broken_plugins(self) -> list[BrokenPlugin]:
        """The packages that could not be loaded, each with its error."""
        return list(self._broken)

    def upload_plugin(self, filename: str, content: bytes, replace: bool = False) -> PluginManifest:
        """Install a package after a trial load; `replace` removes other versions. Raises InvalidPlugin, AlreadyExists."""
        manifest = self._installer.install(filename, content, replace)
        self.reload()
        return manifest

    def install_bundled(self, directory: Path) -> list[PluginManifest]:
        """Install the packages of a directory that are missing here or have other contents; return their manifests."""
        installed = self._installer.install_missing(directory)
        if installed:
            self.reload()
        return installed

    def get_package(self, name: str, version: str) -> Path:
        """Return the package of a plugin, even of a broken one; raises EntityNotFound when there is none."""
        return self._installer.get(name, version)

    def delete_plugin_by_version(self, name: str, version: str) -> None:
        """Remove a plugin, even a broken one; raises EntityNotFound when there is none."""
        self._installer.delete(name, version)
        self.reload()

    def delete_all_plugins(self) -> list[PluginManifest]:
        """Remove all plugins and return their manifests."""
        removed = self._installer.delete_all()
        self.reload()
        return removed

    def read_plugin_config(self, name: str, version: str) -> str:
        """Return the configuration of a plugin, even of a broken one."""
        return self._installer.read_config(name, version)

    def write_plugin_config(self, name: str, version: str, config_data: str) -> None:
        """Replace the configuration of a plugin, and reload the plugin in all services.

        Raises InvalidPlugin when the plugin can't be loaded with it; then nothing changes.
        """
        self._installer.configure(name, version, config_data)
        self.reload()

    @property
    def _installer(self) -> PluginInstaller:
        if self._storage is None:
            raise EntityNotFound("this service has no directory for plugins (PLUGINS_DIR)")
        return PluginInstaller(self._storage)

    def _sweep(self, storage: PluginStorage) -> None:
        try:
            storage.sweep()
        except OSError as e:
            logger.warning(f"what plugins left in {storage.directory} can't be removed: {e}")

    def _notice_change(self) -> None:
        self.catch_up()
        if self._should_retry():
            self.reload()

    def _should_retry(self) -> bool:
        waited = self._clock.monotonic() - self._reloaded_at
        return waited > RETRY_SECONDS and any(broken.is_temporary for broken in self._broken)


class ChangeWatcher:
    """A thread that calls `look` every half a second; an error is logged and does not end the thread."""

    def __init__(self, look: Callable[[], None], clock: Clock) -> None:
        self._look = look
        self._clock = clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._look_repeatedly, name="plugin-watcher", daemon=True
        )

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; a running look gets some seconds to end."""
        self._stopping.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(_STOP_SECONDS)

    def _look_repeatedly(self) -> None:
        while not self._clock.wait(self._stopping, POLL_SECONDS):
            try:
                self._look()
            except Exception as e:
                logger.error(f"reloading plugins failed: {e}", exc_info=e)
