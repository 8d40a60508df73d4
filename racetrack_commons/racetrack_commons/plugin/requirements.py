"""Libraries of plugins: a directory for each plugin, never the service's own environment."""

import subprocess
import sys
from pathlib import Path

import uv
from racetrack_client.log.errors import ServiceUnavailable
from racetrack_client.log.logs import get_logger

logger = get_logger(__name__)

_TIMEOUT_SECONDS = 900


class RequirementsNotInstalled(ServiceUnavailable):
    """The libraries that a plugin asks for could not be installed."""


def python_tag() -> str:
    """Return the Python that libraries are installed for; services in containers may have others."""
    return f"py{sys.version_info.major}.{sys.version_info.minor}"


def install_requirements(plugin_dir: Path, target: Path) -> None:
    """Install what the plugin's requirements.txt lists into an empty directory."""
    file = plugin_dir / "requirements.txt"
    if not _lists_anything(file):
        return
    logger.info(f"installing the requirements of plugin {plugin_dir.name}")
    # Once for each package: a cache would need a home that can be written.
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


def _lists_anything(file: Path) -> bool:
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    return any(line and not line.startswith("#") for line in lines)
