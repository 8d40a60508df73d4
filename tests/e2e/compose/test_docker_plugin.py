"""A published plugin of the target `docker` replaces the built-in one: it calls the docker command, which the images hold."""

import pytest
from stacks.compose import docker
from stacks.stack import ROOT

pytestmark = pytest.mark.docker

CODE = "class Job:\n    def perform(self, x: int = 1):\n        return x + 1\n"


@pytest.fixture
def docker_plugin(compose_stack, tmp_path):
    plugin = ROOT / "tests/contract/plugins/docker"
    compose_stack.racetrack("plugin", "bundle", str(plugin), "--out", str(tmp_path))
    compose_stack.racetrack("plugin", "install", str(tmp_path / "docker-infrastructure-1.0.0.zip"))
    yield
    compose_stack.racetrack("plugin", "uninstall", "docker-infrastructure", "--version", "1.0.0")


def find_container(name):
    return docker("ps", "--all", "--quiet", f"--filter=name=^/{name}$").strip()


def test_a_job_of_the_plugin_lives_and_goes_as_others_do(
    compose_stack, docker_plugin, job_directory
):
    directory = job_directory("by-command", CODE)
    name = "job-by-command-v-0-0-1"

    compose_stack.racetrack("deploy", str(directory), "--build-context", "local")
    container = find_container(name)
    assert compose_stack.call("by-command/latest/api/v1/perform", {"x": 41}).json() == 42
    assert "/api/v1/perform" in compose_stack.racetrack("logs", "by-command").stdout
    [job] = [job for job in compose_stack.jobs() if job["name"] == "by-command"]
    assert job["status"] == "running"
    # The keeper of the built-in target leaves the container alone: it has none of its labels.
    assert find_container(name) == container

    compose_stack.racetrack("delete", "by-command", "--version", "0.0.1")
    assert find_container(name) == ""
    commands = compose_stack.compose(
        "exec",
        "-T",
        "lifecycle-supervisor",
        "sh",
        "-c",
        "docker --version && kubectl version --client",
    ).stdout
    assert "Docker version" in commands
    assert "Client Version" in commands
