"""Importing a plugin: its siblings are top-level modules to it, and nobody else sees them."""

import importlib
import importlib.util
import itertools
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from racetrack_client.plugin.plugin_manifest import PluginManifest

from racetrack_commons.plugin.package import PLUGIN_FILE, InvalidPlugin

# Python has one table of modules and one search path, so imports of plugins take turns.
_import_lock = threading.RLock()
_numbers = itertools.count(1)


def current_component() -> str | None:
    """Return which service this process is, as plugins' manifests name it."""
    if "lifecycle" in sys.modules:
        return "lifecycle"
    return "image-builder" if "image_builder" in sys.modules else None


def takes_part(manifest: PluginManifest) -> bool:
    """Tell whether a plugin runs in this service; an empty list of components means everywhere."""
    return not manifest.components or current_component() in manifest.components


def instantiate_plugin(
    manifest: PluginManifest, plugin_dir: Path, config_path: Path, libraries: Path | None
) -> Any:
    """Import a plugin and make its `Plugin`, which finds its attributes set in `__init__` already."""
    with _import_lock:
        if libraries is not None and str(libraries) not in sys.path:
            # At the end: a plugin's libraries never replace those of the service.
            sys.path.append(str(libraries))
        with _siblings_visible(plugin_dir):
            module = _import_module(plugin_dir / PLUGIN_FILE)
            plugin_class = getattr(module, "Plugin", None)
            if not isinstance(plugin_class, type):
                raise InvalidPlugin(f"{PLUGIN_FILE} has no class Plugin")
            attributes = {
                "plugin_manifest": manifest,
                "plugin_dir": plugin_dir,
                "config_path": config_path,
            }
            return _make_instance(plugin_class, attributes)


def _make_instance(plugin_class: type, attributes: dict[str, Any]) -> Any:
    for name, value in attributes.items():
        setattr(plugin_class, name, value)
    instance = plugin_class()
    for name, value in attributes.items():
        setattr(instance, name, value)
    return instance


def _import_module(file: Path) -> ModuleType:
    name = f"racetrack_plugin_{next(_numbers)}"
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
    """Let `import utils` mean the plugin's own; afterwards everything is as it was."""
    hidden = {
        name: sys.modules.pop(name)
        for name in _sibling_names(plugin_dir)
        if name in sys.modules and not hasattr(sys.modules[name], "__path__")
    }
    sys.path.insert(0, str(plugin_dir))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(plugin_dir))
        for name in _modules_within(plugin_dir):
            del sys.modules[name]
        sys.modules.update(hidden)


def _sibling_names(plugin_dir: Path) -> set[str]:
    names = {file.stem for file in plugin_dir.glob("*.py")} | {
        init.parent.name for init in plugin_dir.glob("*/__init__.py")
    }
    return names - set(sys.stdlib_module_names)


def _modules_within(plugin_dir: Path) -> list[str]:
    return [
        name
        for name, module in list(sys.modules.items())
        if not name.startswith("racetrack_plugin_")
        and Path(getattr(module, "__file__", None) or "/").is_relative_to(plugin_dir)
    ]
