"""The quickstart of docs/compose.md, word by word."""

import re
import shutil
import threading
import zipfile
from pathlib import Path

import pytest
from stacks.github import running_github
from stacks.stack import ROOT, run_command

pytestmark = pytest.mark.docker

DOCS = ROOT / "docs/compose.md"
RELEASE = "3.0.7"
"""The release that the stand-in of GitHub offers: what is built in, with another number."""
UNSEEN = "7.0.0"
INSTALL = "racetrack plugin install github.com/TheRacetrack/plugin-python-job-type"
"""The page tells of it below the quickstart; here it comes before the deployment, which shows whether it counts."""


def read_quickstart():
    text = DOCS.read_text()
    [block] = re.findall(r"^## Quickstart\n+```shell\n(.*?)```", text, re.MULTILINE | re.DOTALL)
    setup, activate, *commands = re.split(r"\n(?!  )", block.strip())
    assert (setup, activate) == ("make setup compose-up", ". venv/bin/activate")
    assert f"`{INSTALL}`" in text
    [deploy] = [command for command in commands if command.startswith("racetrack deploy ")]
    position = commands.index(deploy)
    return [*commands[:position], INSTALL, *commands[position:]]


def make_release(target: Path):
    [bundled] = (ROOT / "build/plugins").glob("python3-job-type-*.zip")
    with zipfile.ZipFile(bundled) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "plugin-manifest.yaml":
                content = re.sub(rb"(?m)^version: .*$", f"version: {RELEASE}".encode(), content)
            new.writestr(name, content)
    return target.read_bytes()


def copy_sample(directory: Path):
    """A sample that this stack never saw: a version is deployed once only."""
    shutil.copytree(ROOT / "sample/python-class", directory)
    manifest = directory / "job.yaml"
    manifest.write_text(re.sub(r"(?m)^version: .*$", f"version: {UNSEEN}", manifest.read_text()))


def run_quickstart(stack, directory: Path, github: str):
    """What each command printed, by its first word or two; the ports are those of the stack."""
    ports = {
        "7102": stack.environment["LIFECYCLE_PORT"],
        "7105": stack.environment["PUB_PORT"],
    }
    environment = stack.environment | {
        "GITHUB_API_URL": github,
        "PATH": f"{ROOT}/venv/bin:{stack.environment['PATH']}",
        "RACETRACK_CONFIG": str(directory / "client.yaml"),
    }
    output = {}
    for command in read_quickstart():
        shown = re.sub(r"(?<=localhost:)\d+", lambda port: ports[port[0]], command)
        done = run_command(["bash", "-c", shown], environment, directory=directory)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        output[" ".join(command.split()[:2])] = done.stdout
    return output


def test_the_quickstart_works_word_by_word(compose_stack, tmp_path):
    copy_sample(tmp_path / "sample/python-class")
    plugin = make_release(tmp_path / "plugin.zip")
    repository, file = "TheRacetrack/plugin-python-job-type", f"python3-job-type-{RELEASE}.zip"
    try:
        with running_github(repository, RELEASE, file, plugin) as github:
            output = run_quickstart(compose_stack, tmp_path, github)
        [job] = [job for job in compose_stack.jobs() if job["version"] == UNSEEN]
    finally:
        compose_stack.racetrack("delete", "adder", "--version", UNSEEN, check=False)
        uninstall = ("plugin", "uninstall", "python3-job-type", "--version", RELEASE)
        compose_stack.racetrack(*uninstall, check=False)

    assert output["curl -sS"].strip() == "42"
    assert "perform" in output["racetrack logs"]
    assert job["job_type_version"] == f"python3:{RELEASE}"


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
