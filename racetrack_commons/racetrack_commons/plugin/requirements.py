"""Libraries of plugins: a directory for each plugin, never the service's own environment."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import uv
from racetrack_client.log.errors import ServiceUnavailable
from racetrack_client.log.logs import get_logger

logger = get_logger(__name__)

_TIMEOUT_SECONDS = 900
_MARKER = ".requirements-digest"


class RequirementsNotInstalled(ServiceUnavailable):
    """The libraries that a plugin asks for could not be installed."""


def install_requirements(plugin_dir: Path, target: Path) -> Path | None:
    """Install what the plugin's requirements.txt lists, unless done; None when it lists nothing.

    The caller holds the lock of the plugins' directory.
    """
    file = plugin_dir / "requirements.txt"
    if not file.is_file() or not _lists_anything(file):
        return None
    digest = _digest(file)
    marker = target / _MARKER
    if marker.is_file() and marker.read_text() == digest:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".installing-", dir=target.parent))
    try:
        logger.info(f"installing the requirements of plugin {plugin_dir.name}")
        _run_uv(file, staging)
        (staging / _MARKER).write_text(digest)
        shutil.rmtree(target, ignore_errors=True)
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target


def _run_uv(file: Path, target: Path) -> None:
    command = [uv.find_uv_bin(), "pip", "install", "--quiet", "--no-progress"]
    command += ["--python", sys.executable, "--target", str(target), "--requirement", str(file)]
    try:
        done = subprocess.run(
            command,
            cwd=file.parent,
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


def _digest(file: Path) -> str:
    python = f"{sys.version_info.major}.{sys.version_info.minor}\n"
    return hashlib.sha256(python.encode() + file.read_bytes()).hexdigest()
