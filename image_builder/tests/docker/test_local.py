import os
import re
import secrets
import signal
import subprocess
import sys
import zipfile

import pytest
from image_builder.testing.docker_engine import docker

pytestmark = pytest.mark.docker

PLUGIN = """
class Plugin:
    def job_types(self):
        return {"plain:1.0.0": {"images": [{"dockerfile_path": "Dockerfile", "source": "job", "template": False}]}}
"""
MANIFEST = """
name: adder
version: 0.0.1
owner_email: sample@example.com
jobtype: plain:1.0.0
git: {remote: "https://example.com/sample/adder"}
"""


@pytest.fixture
def job(tmp_path):
    directory = tmp_path / "job"
    directory.mkdir()
    (directory / "job.yaml").write_text(MANIFEST)
    return directory


@pytest.fixture
def start(tmp_path, job, platform):
    """Starts `image_builder build` in its own process."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    with zipfile.ZipFile(plugins / "plain-1.0.0.zip", "w") as package:
        package.writestr("plugin-manifest.yaml", "name: plain\nversion: '1.0.0'\n")
        package.writestr("plugin.py", PLUGIN)
    variables = {
        "BUNDLED_PLUGINS_DIR": str(tmp_path / "none"),
        "PLUGINS_DIR": str(plugins),
        "WORKSPACES_DIR": str(tmp_path / "workspaces"),
        "BUILD_LOGS_DIR": str(tmp_path / "logs"),
        "PLATFORM_NAME": platform,
        "DOCKER_REGISTRY_NAMESPACE": platform,
    }

    def start_one():
        command = [sys.executable, "-m", "image_builder", "build", str(job)]
        return subprocess.Popen(
            [*command, "--image-kind", "docker", "--tag", "try"],
            env=os.environ | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start_one


def test_a_directory_is_built_alone(start, job, platform):
    (job / "Dockerfile").write_text("FROM debian:trixie-slim\nCOPY job.yaml /\n")

    output, _ = start().communicate(timeout=60)

    name = f"{platform}/job-entrypoint/adder:try"
    assert f"image: {name}" in output
    assert "version: 0.0.1" in docker("run", "--rm", "--network=none", name, "cat", "/job.yaml")


def test_a_builder_that_was_killed_leaves_nothing_and_can_build_again(
    start, job, tmp_path, platform
):
    (job / "Dockerfile").write_text(
        f"FROM debian:trixie-slim\nENV run={secrets.token_hex(4)}\nRUN echo it waits; sleep 2\n"
    )
    killed = start()
    with killed:
        for line in killed.stdout:
            if re.search(r"#\d+ [.\d]+ it waits", line):
                break
        os.kill(killed.pid, signal.SIGKILL)
    assert list((tmp_path / "workspaces").rglob("Dockerfile"))

    output, _ = start().communicate(timeout=60)

    assert f"image: {platform}/job-entrypoint/adder:try" in output
    assert list((tmp_path / "workspaces").iterdir()) == []
