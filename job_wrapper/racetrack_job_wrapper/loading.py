"""From a file to the object that answers calls."""

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

MODULE_NAME = "racetrack_job"


class EntrypointError(Exception):
    """The file or class that should answer calls can't be used; the message says what to do."""


def load_entrypoint(path: str, class_name: str | None) -> Any:
    """Import the file and make the object of its class."""
    module = _load_module(Path(path))
    return find_class(module, class_name)()


def find_class(module: ModuleType, class_name: str | None) -> type:
    """Find the named class, or the only one with `perform`, or the only one of the module."""
    if class_name:
        found = getattr(module, class_name, None)
        if not inspect.isclass(found):
            raise EntrypointError(f"class name {class_name} was not found")
        return found
    own = [
        each
        for _, each in inspect.getmembers(module, inspect.isclass)
        if each.__module__ == module.__name__
    ]
    candidates = [each for each in own if hasattr(each, "perform")] or own
    if not candidates:
        raise EntrypointError("no class has been found in module")
    if len(candidates) > 1:
        names = ", ".join(each.__name__ for each in candidates)
        raise EntrypointError(
            f"multiple classes found in a module, the name should be set explicitly. Set entrypoint_class to one of: {names}"
        )
    return candidates[0]


def _load_module(path: Path) -> ModuleType:
    if not path.is_file():
        raise EntrypointError(f"{path} file not found")
    sys.path.append(str(Path.cwd()))
    spec = importlib.util.spec_from_file_location(MODULE_NAME, path)
    if spec is None or spec.loader is None:
        raise EntrypointError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE_NAME] = module
    spec.loader.exec_module(module)
    return module
