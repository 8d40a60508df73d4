"""Loading plugins from their packages: each plugin is imported separately, with the modules beside its plugin.py."""

import hashlib
import importlib
import importlib.util
import itertools
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from racetrack_client.log.errors import ServiceUnavailable
from racetrack_client.log.logs import get_logger
from racetrack_client.plugin.plugin_manifest import PluginManifest

from racetrack_commons.plugin.core import PluginCore
from racetrack_commons.plugin.libraries import prefer_libraries
from racetrack_commons.plugin.package import PLUGIN_FILE, InvalidPlugin, read_package_manifest
from racetrack_commons.plugin.plugin_data import BrokenPlugin, PluginData
from racetrack_commons.plugin.storage import PluginStorage, file_digest

logger = get_logger(__name__)
# Python has one table of modules and one search path, so plugins are imported one at a time.
_import_lock = threading.RLock()
_numbers = itertools.count(1)
_MODULE_PREFIX = "racetrack_plugin_"


def load_plugins(
    storage: PluginStorage, known: Sequence[PluginData] = ()
) -> tuple[list[PluginData], list[BrokenPlugin]]:
    """Load every package; return the loaded and the broken plugins. Unchanged plugins in `known` keep their instances."""
    unchanged = {plugin.fingerprint: plugin for plugin in known}
    plugins: list[PluginData] = []
    broken: list[BrokenPlugin] = []
    for package in storage.list_packages():
        try:
            fingerprint = _fingerprint(package, storage.config(package))
            plugins.append(unchanged.get(fingerprint) or _load(storage, package, fingerprint))
        except (Exception, SystemExit) as e:
            if package.exists():  # otherwise it was removed a moment ago
                logger.error(f"plugin {package.name} can't be loaded: {e}", exc_info=e)
                error = f"{type(e).__name__}: {e}"
                broken.append(BrokenPlugin(package, error, isinstance(e, ServiceUnavailable)))
    return sorted(plugins, key=lambda plugin: plugin.order), broken


def make_instance(
    storage: PluginStorage, manifest: PluginManifest, plugin_dir: Path, config_path: Path
) -> Any:
    """Return a plugin's instance, or a `PluginCore` when this service does not load the plugin."""
    if not takes_part(manifest):
        return PluginCore()
    files = PluginFiles(plugin_dir, config_path, storage.install_libraries(plugin_dir))
    return instantiate_plugin(manifest, files)


@dataclass(frozen=True)
class PluginFiles:
    """The paths of an unpacked plugin."""

    plugin_dir: Path
    config_path: Path
    libraries: Path | None


def current_component() -> str | None:
    """Return the name of this process's service in plugins' manifests, or None."""
    if "lifecycle" in sys.modules:
        return "lifecycle"
    return "image-builder" if "image_builder" in sys.modules else None


def takes_part(manifest: PluginManifest) -> bool:
    """Return whether this service loads a plugin; an empty list of components means every service."""
    return not manifest.components or current_component() in manifest.components


def instantiate_plugin(manifest: PluginManifest, files: PluginFiles) -> Any:
    """Import a plugin and return an instance of its `Plugin`, whose attributes are set before `__init__` runs."""
    with _import_lock:
        if files.libraries is not None:
            prefer_libraries(files.libraries)
        with _siblings_visible(files.plugin_dir):
            module = _import_module(files.plugin_dir / PLUGIN_FILE)
            plugin_class = getattr(module, "Plugin", None)
            if not isinstance(plugin_class, type):
                raise InvalidPlugin(f"{PLUGIN_FILE} has no class Plugin")
            attributes = {
                "plugin_manifest": manifest,
                "plugin_dir": files.plugin_dir,
                "config_path": files.config_path,
            }
            return _make_instance(plugin_class, attributes)


class _SiblingFinder(MetaPathFinder):
    """Finds the modules beside plugin.py, only for the thread that imports it."""

    def __init__(self, plugin_dir: Path) -> None:
        self._path = [str(plugin_dir)]
        self._thread = threading.get_ident()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a sibling module; submodules and names of the standard library are left to other finders."""
        if path is not None or threading.get_ident() != self._thread:
            return None
        if fullname in sys.stdlib_module_names:
            return None
        found = PathFinder.find_spec(fullname, self._path, target)
        if found is not None and found.loader is None and PathFinder.find_spec(fullname):
            # A folder without modules, such as docker/ with Dockerfiles, does not hide a library of its name.
            return None
        return found


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


def _make_instance(plugin_class: type, attributes: dict[str, Any]) -> Any:
    for name, value in attributes.items():
        setattr(plugin_class, name, value)
    instance = plugin_class()
    for name, value in attributes.items():
        setattr(instance, name, value)
    return instance


def _import_module(file: Path) -> ModuleType:
    name = f"{_MODULE_PREFIX}{next(_numbers)}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise InvalidPlugin(f"{file.name} can't be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextmanager
def _siblings_visible(plugin_dir: Path) -> Iterator[None]:
    """Let `import utils` find the plugin's own module within the block; afterwards restore the former modules."""
    hidden = {
        name: sys.modules.pop(name)
        for name in _sibling_names(plugin_dir)
        if name in sys.modules and not hasattr(sys.modules[name], "__path__")
    }
    finder = _SiblingFinder(plugin_dir)
    sys.meta_path.insert(0, finder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in _modules_within(plugin_dir):
            del sys.modules[name]
        sys.modules.update(hidden)


def _sibling_names(plugin_dir: Path) -> set[str]:
    names = {file.stem for file in plugin_dir.glob("*.py")} | {
        init.parent.name for init in plugin_dir.glob("*/__init__.py")
    }
    return names - set(sys.stdlib_module_names)


def _modules_within(plugin_dir: Path) -> list[str]:
    inside = f"{plugin_dir}/"
    return [
        name
        for name, module in list(sys.modules.items())
        if not name.startswith(_MODULE_PREFIX) and _place_of(module).startswith(inside)
    ]


def _place_of(module: ModuleType) -> str:
    file = getattr(module, "__file__", None)
    if file is None:  # a folder without __init__.py
        file = next(iter(getattr(module, "__path__", ())), None)
    return str(file or "")
