"""The quickstart of docs/compose.md, word by word."""

import re
import subprocess
import threading
import zipfile
from pathlib import Path

import pytest
from stacks.github import running_github
from stacks.stack import ROOT

pytestmark = pytest.mark.docker

DOCS = ROOT / "docs/compose.md"
RELEASE = "3.0.7"
"""The release that the stand-in of GitHub offers: what is built in, with another number."""


def read_quickstart():
    text = DOCS.read_text()
    [block] = re.findall(r"^## Quickstart\n+```shell\n(.*?)```", text, re.MULTILINE | re.DOTALL)
    setup, activate, *commands = re.split(r"\n(?!  )", block.strip())
    assert (setup, activate) == ("make setup compose-up", ". venv/bin/activate")
    return commands


def make_release(target: Path):
    [bundled] = (ROOT / "build/plugins").glob("python3-job-type-*.zip")
    with zipfile.ZipFile(bundled) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "plugin-manifest.yaml":
                content = re.sub(rb"(?m)^version: .*$", f"version: {RELEASE}".encode(), content)
            new.writestr(name, content)
    return target.read_bytes()


def test_the_quickstart_works_word_by_word(compose_stack, tmp_path):
    compose_stack.racetrack("delete", "adder", "--version", "0.0.2", check=False)
    plugin = make_release(tmp_path / "plugin.zip")
    ports = {
        "7102": compose_stack.environment["LIFECYCLE_PORT"],
        "7105": compose_stack.environment["PUB_PORT"],
    }
    repository = "TheRacetrack/plugin-python-job-type"
    with running_github(repository, RELEASE, f"python3-job-type-{RELEASE}.zip", plugin) as github:
        environment = compose_stack.environment | {
            "GITHUB_API_URL": github,
            "PATH": f"{ROOT}/venv/bin:{compose_stack.environment['PATH']}",
            "RACETRACK_CONFIG": str(tmp_path / "client.yaml"),
        }
        output = {}
        for command in read_quickstart():
            here = re.sub(r"(?<=localhost:)\d+", lambda port: ports[port[0]], command)
            done = subprocess.run(
                ["bash", "-c", here],
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
            output[command.split()[0:2][-1]] = done.stdout
    try:
        assert output["-X"].strip() == "42"
        assert "perform" in output["logs"]
        assert (
            f"python3:{RELEASE}" in compose_stack.racetrack("plugin", "list", "--job-types").stdout
        )
        [job] = [job for job in compose_stack.jobs() if job["name"] == "adder"]
        assert job["job_type_version"] == f"python3:{RELEASE}"
    finally:
        compose_stack.racetrack("plugin", "uninstall", "python3-job-type", "--version", RELEASE)


def test_logs_are_followed_until_the_job_is_deleted(compose_stack):
    compose_stack.racetrack("deploy", "sample/python-class", "--force")
    follower = compose_stack.start_racetrack("logs", "adder", "--follow")
    try:
        path = "adder/latest/api/v1/perform"
        call = threading.Timer(1, compose_stack.call, (path, {"numbers": [40, 2]}))
        call.start()
        assert any("/api/v1/perform 200" in line for line in follower.stdout)
        call.join()
    finally:
        follower.kill()
        follower.communicate()
    compose_stack.racetrack("delete", "adder", "--version", "0.0.2")
    assert compose_stack.call("adder/latest/api/v1/perform", {"numbers": [1]}).status_code == 404
    assert compose_stack.job_containers("adder") == []
