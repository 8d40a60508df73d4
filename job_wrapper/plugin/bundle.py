"""Builds the wrapper's wheel and bundles the plugin of the job type python3 into build/plugins/."""

import subprocess
import sys
import tempfile
from pathlib import Path

from racetrack_client.plugin.bundle import bundle_plugin, load_plugin_manifest
from racetrack_job_wrapper import __version__

PLUGIN = Path(__file__).resolve().parent
TARGET = PLUGIN.parents[1] / "build/plugins"


def main() -> None:
    """Write build/plugins/python3-job-type-<version>.zip."""
    TARGET.mkdir(parents=True, exist_ok=True)
    manifest = load_plugin_manifest(PLUGIN, __version__)
    with tempfile.TemporaryDirectory() as directory:
        uv = Path(sys.executable).parent / "uv"
        subprocess.run(
            [uv, "build", "--quiet", "--wheel", "--out-dir", directory, PLUGIN.parent], check=True
        )
        wheels = {f"wheels/{wheel.name}": wheel for wheel in Path(directory).glob("*.whl")}
        target = TARGET / f"{manifest.name}-{manifest.version}.zip"
        bundle_plugin(PLUGIN, target, manifest, wheels)
    print(f"bundled {target.name}")


if __name__ == "__main__":
    main()
