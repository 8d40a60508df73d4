import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from image_builder.__main__ import inherited_environment

BUNDLED = Path(__file__).parents[2] / "build/plugins"


def run(directory, tmp_path, **variables):
    environment = os.environ | {
        "BUNDLED_PLUGINS_DIR": str(tmp_path / "bundled"),
        "PLUGINS_DIR": str(tmp_path / "plugins"),
        "IMAGES_DIR": str(tmp_path / "images"),
        "ENVIRONMENTS_DIR": str(tmp_path / "environments"),
        "WORKSPACES_DIR": str(tmp_path / "workspaces"),
        "BUILD_LOGS_DIR": str(tmp_path / "logs"),
    }
    command = [sys.executable, "-m", "image_builder", "build", str(directory), "--tag", "try"]
    return subprocess.run(
        command,
        cwd=tmp_path,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_directory_without_a_manifest_is_refused_in_one_line(tmp_path):
    (tmp_path / "job").mkdir()

    done = run(tmp_path / "job", tmp_path)

    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(
    not list(BUNDLED.glob("python3-*.zip")), reason="the job type's plugin is not bundled yet"
)
def test_a_directory_is_built_alone(tmp_path):
    shutil.copytree(
        BUNDLED, tmp_path / "bundled", ignore=shutil.ignore_patterns("extracted", "config")
    )

    done = run(Path(__file__).parents[2] / "sample/python-class", tmp_path)

    assert done.returncode == 0, done.stderr
    assert "image: adder:try" in done.stdout
    assert (tmp_path / "images/adder/try/image.json").is_file()


def test_programs_of_builds_never_see_the_secrets_of_the_service(monkeypatch):
    monkeypatch.setenv("AUTH_KEY", "secret")
    monkeypatch.setenv("UV_OFFLINE", "1")

    environment = inherited_environment()

    assert "AUTH_KEY" not in environment
    assert {"PATH", "UV_OFFLINE"} <= set(environment)
