"""Bundles the plugins of every platform into build/plugins/: python3 with the wrapper's wheel, and those of this directory."""

import subprocess
import sys
import tempfile
from pathlib import Path

from racetrack_client.plugin.bundle import bundle_plugin, load_plugin_manifest
from racetrack_job_wrapper import __version__

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "build/plugins"


def main() -> None:
    """Write a zip file for each plugin; those of other versions are removed."""
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        uv = Path(sys.executable).parent / "uv"
        options = ["--quiet", "--wheel", "--out-dir", directory]
        subprocess.run([uv, "build", *options, ROOT / "job_wrapper"], check=True)
        wheels = {f"wheels/{wheel.name}": wheel for wheel in Path(directory).glob("*.whl")}
        _bundle(ROOT / "job_wrapper/plugin", __version__, wheels)
    for plugin in sorted((ROOT / "job_types").glob("*/plugin.py")):
        _bundle(plugin.parent, None, {})


def _bundle(directory: Path, version: str | None, extra_files: dict[str, Path]) -> None:
    manifest = load_plugin_manifest(directory, version)
    for old in TARGET.glob(f"{manifest.name}-*.zip"):
        old.unlink()
    target = TARGET / f"{manifest.name}-{manifest.version}.zip"
    bundle_plugin(directory, target, manifest, extra_files)
    print(f"bundled {target.name}")


if __name__ == "__main__":
    main()
