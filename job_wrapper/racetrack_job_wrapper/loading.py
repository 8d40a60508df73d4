"""Importing a job's entrypoint: where its imports are looked for, the name of its module, and the class in it."""

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from racetrack_job_wrapper.log.logger import logger

MODULE_NAME = "racetrack_job"
"""The second name of the entrypoint's module, by which older pickles know it."""
MAIN = "__main__"
_IMPORTED_LATE = ("anyio", "httptools", "memray", "uvloop", "websockets", "wsproto")
"""Packages that the server imports only when it needs them."""


class EntrypointError(Exception):
    """The named file or class can't be used as a job; the message says what to do."""


def locate_job_directory(entrypoint: str | None) -> Path:
    """Return the directory with the job's manifest: the current one, or the nearest above the entrypoint."""
    here = Path.cwd()
    above = (here / entrypoint).parents if entrypoint else ()
    return next((each for each in (here, *above) if (each / "job.yaml").is_file()), here)


def load_entrypoint(path: str, class_name: str | None) -> Any:
    """Import the file and return an object of its class."""
    return choose_class(import_entrypoint(path), class_name)()


def import_entrypoint(path: str) -> ModuleType:
    """Import the file under the name that imports of the job's own code, and of its child processes, find it by."""
    file, root = Path(path).resolve(), Path.cwd()
    if not file.is_file():
        raise EntrypointError(f"{path} file not found; correct entrypoint_path")
    add_import_directories([root, file.parent])
    name = _name_module(file, root)
    _lend_names_to_main(name)
    module = importlib.import_module(name) if _leads_to(name, file) else _import_file(file)
    sys.modules[MODULE_NAME] = module
    return module


def choose_class(module: ModuleType, class_name: str | None) -> type:
    """Return the named class, the only class with `perform`, or the only class; raise EntrypointError otherwise."""
    if class_name:
        found = getattr(module, class_name, None)
        if not inspect.isclass(found):
            names = ", ".join(each.__name__ for each in _list_own_classes(module)) or "none"
            raise EntrypointError(
                f"class name {class_name} was not found in {module.__name__}, which has: {names}; correct entrypoint_class"
            )
        return found
    own = _list_own_classes(module)
    candidates = [each for each in own if hasattr(each, "perform")] or own
    if not candidates:
        raise EntrypointError(
            f"no class has been found in module {module.__name__}; define a class with perform() in it"
        )
    if len(candidates) > 1:
        names = ", ".join(each.__name__ for each in candidates)
        raise EntrypointError(
            f"multiple classes found in a module, the name should be set explicitly. Set entrypoint_class to one of: {names}"
        )
    return candidates[0]


def _list_own_classes(module: ModuleType) -> list[type]:
    classes = (each for _, each in inspect.getmembers(module, inspect.isclass))
    return [each for each in classes if each.__module__ == module.__name__]


def add_import_directories(directories: Sequence[Path]) -> None:
    """Let imports look into the job's directories first, but behind the modules that the server has loaded.

    A job's `queue.py` would otherwise take the place of Python's own in each library that imports it, and in child
    processes, which get the same path.
    """
    places = {name: _locate_place(name) for each in directories for name in list_taken_names(each)}
    for name in places:
        logger.warning(
            "the job's own module %s is never imported: the server uses another module of this name; rename it",
            name,
        )
    own = list(dict.fromkeys(str(each) for each in directories))
    start = max(places.values(), default=-1) + 1
    before, after = sys.path[:start], sys.path[start:]
    sys.path[:] = [*before, *own, *(each for each in after if each not in own)]


def list_taken_names(directory: Path) -> list[str]:
    """List the names of modules in the directory that name other modules for the server."""
    names = {name for entry in os.scandir(directory) if (name := _find_module_name(entry))}
    return sorted(name for name in names if _is_taken(name, directory))


def _find_module_name(entry: os.DirEntry[str]) -> str | None:
    stem, _, suffix = entry.name.partition(".")
    if suffix in ("py", "so") or suffix.endswith(".so"):
        return stem
    return stem if (Path(entry.path) / "__init__.py").is_file() else None


def _is_taken(name: str, directory: Path) -> bool:
    if name not in sys.modules and name not in _IMPORTED_LATE:
        return False
    file = _find_file(name)
    return file is not None and not file.is_relative_to(directory)


def _locate_place(name: str) -> int:
    """Return the index of the directory in `sys.path` that a module comes from."""
    file = _find_file(name) or Path()
    directory = str(file.parent.parent if file.name == "__init__.py" else file.parent)
    return sys.path.index(directory) if directory in sys.path else len(sys.path) - 1


def _find_file(name: str) -> Path | None:
    """Return the file of a module; None for those that are part of the interpreter, which no path leads away from."""
    if module := sys.modules.get(name):
        file = getattr(module, "__file__", None)
    else:
        spec = importlib.util.find_spec(name)
        file = spec.origin if spec else None
    return Path(file) if file else None


def _name_module(file: Path, root: Path) -> str:
    """Return the dotted name by which imports find a file: from the job's directory, or from its own."""
    inner = file.relative_to(root) if file.is_relative_to(root) else Path(file.name)
    parts = inner.with_suffix("").parts
    if any("." in part for part in parts):
        return MODULE_NAME
    return ".".join(parts[:-1] if parts[1:] and parts[-1] == "__init__" else parts)


def _leads_to(name: str, file: Path) -> bool:
    """Return whether an import of the name finds the file, and not another module."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError) as error:
        logger.warning("%s is loaded as a file, not as part of its package: %s", file.name, error)
        return False
    origin = spec.origin if spec else None
    return origin is not None and Path(origin).exists() and file.samefile(origin)


def _import_file(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(MODULE_NAME, file)
    if spec is None or spec.loader is None:
        raise EntrypointError(f"{file.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE_NAME] = module
    spec.loader.exec_module(module)
    return module


def _lend_names_to_main(name: str) -> None:
    """Let pickles of a training script find their classes in the entrypoint.

    They name `__main__`, which was that script when the model was saved, and is this server when the model is loaded.
    """

    def lend(attribute: str) -> Any:
        for each in (name, MODULE_NAME):
            names = vars(sys.modules[each]) if each in sys.modules else {}
            if attribute in names and not attribute.startswith("__"):
                return names[attribute]
        raise AttributeError(f"module {MAIN!r} has no attribute {attribute!r}")

    sys.modules[MAIN].__dict__["__getattr__"] = lend
