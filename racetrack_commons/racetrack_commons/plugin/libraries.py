"""Libraries of plugins: installed into a directory for each plugin, and made importable in the service's process."""

import subprocess
import sys
from pathlib import Path

import uv
from racetrack_client.log.errors import ServiceUnavailable
from racetrack_client.log.logs import get_logger

logger = get_logger(__name__)
_TIMEOUT_SECONDS = 900


def prefer_libraries(libraries: Path) -> None:
    """Let later imports find this directory before those of other plugins, and after the service's own libraries.

    A process has one module of each name, but plugins may require different versions: a plugin that is loaded already
    keeps its modules; the next plugin, such as its new version, gets the versions that it requires.
    """
    others = [Path(entry) for entry in sys.path if Path(entry).parent == libraries.parent]
    for other in others:
        if other != libraries and not _agree(other, libraries):
            _forget_modules(other, _list_top_levels(libraries))
    if str(libraries) in sys.path:
        sys.path.remove(str(libraries))
    first = next((n for n, entry in enumerate(sys.path) if Path(entry) in others), len(sys.path))
    sys.path.insert(first, str(libraries))


class RequirementsNotInstalled(ServiceUnavailable):
    """The libraries that a plugin requires could not be installed."""


def python_tag() -> str:
    """Return the tag of this Python, for which libraries are installed; services in containers may run another one."""
    return f"py{sys.version_info.major}.{sys.version_info.minor}"


def install_requirements(plugin_dir: Path, target: Path) -> None:
    """Install the requirements of a plugin into an empty directory; raises RequirementsNotInstalled."""
    file = plugin_dir / "requirements.txt"
    if not _lists_anything(file):
        return
    logger.info(f"installing the requirements of plugin {plugin_dir.name}")
    # Each package is installed once, and a cache would need a writable home directory.
    command = [uv.find_uv_bin(), "pip", "install", "--quiet", "--no-progress", "--no-cache"]
    command += ["--python", sys.executable, "--target", str(target), "--requirement", str(file)]
    try:
        done = subprocess.run(
            command,
            cwd=plugin_dir,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        raise RequirementsNotInstalled(f"installing {file.name} failed: {e}") from e
    if done.returncode:
        raise RequirementsNotInstalled(f"installing {file.name} failed: {done.stderr.strip()}")


def _agree(one: Path, other: Path) -> bool:
    """Return whether the libraries that are in both directories have the same versions."""
    versions = [_list_versions(directory) for directory in (one, other)]
    shared = versions[0].keys() & versions[1].keys()
    return all(versions[0][name] == versions[1][name] for name in shared)


def _list_versions(libraries: Path) -> dict[str, str]:
    stems = (path.name.removesuffix(".dist-info") for path in libraries.glob("*.dist-info"))
    return {name: version for name, _, version in (stem.partition("-") for stem in stems)}


def _list_top_levels(libraries: Path) -> set[str]:
    return {path.name.partition(".")[0] for path in libraries.iterdir()}


def _forget_modules(libraries: Path, top_levels: set[str]) -> None:
    inside = f"{libraries}/"
    for name, module in list(sys.modules.items()):
        is_of_it = (getattr(module, "__file__", None) or "").startswith(inside)
        if is_of_it and name.partition(".")[0] in top_levels:
            del sys.modules[name]


def _lists_anything(file: Path) -> bool:
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    return any(line and not line.startswith("#") for line in lines)
