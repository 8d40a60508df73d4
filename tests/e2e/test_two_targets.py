"""Processes and containers beside each other, on an embedded stack whose Lifecycle is no container."""

import secrets
from collections.abc import Iterator

import pytest
from stacks.compose import docker
from stacks.embedded import EmbeddedStack, start_embedded_stack

pytestmark = pytest.mark.docker

CODE = """
import os


class Job:
    def perform(self):
        return {"password": os.environ["PASSWORD"], "is_container": __file__.startswith("/src/job/")}
"""


@pytest.fixture(scope="module")
def platform() -> Iterator[str]:
    name = f"two-targets-{secrets.token_hex(4)}"
    label = f"--filter=label=racetrack-platform={name}"
    yield name
    for container in docker("ps", "--all", "--quiet", label).split():
        docker("rm", "--force", container)
    for network in docker("network", "ls", "--quiet", label).split():
        docker("network", "rm", network)
    for image in set(docker("image", "ls", "--quiet", label).split()):
        docker("image", "rm", "--force", image)


@pytest.fixture(scope="module")
def both(platform: str) -> Iterator[EmbeddedStack]:
    settings = {
        "BUILT_IN_TARGETS": "process,docker",
        "PLATFORM_NAME": platform,
        "DOCKER_NETWORK": platform,
        "DOCKER_REGISTRY_NAMESPACE": platform,
    }
    stack = start_embedded_stack(settings)
    yield stack
    stack.stop()


@pytest.fixture
def secretive(both, job_directory):
    directory = job_directory("secretive", CODE, secret_runtime_env_file="runtime.env")
    (directory / "runtime.env").write_text("PASSWORD=rose\n")
    return directory


def deploy(stack: EmbeddedStack, directory: object, target: str) -> None:
    wanted = f"infrastructure_target={target}"
    stack.racetrack("deploy", str(directory), "--build-context", "local", "--force", "-e", wanted)


def perform(stack: EmbeddedStack) -> dict[str, object] | None:
    answer = stack.call("secretive/latest/api/v1/perform", {})
    return answer.json() if answer.status_code == 200 else None


def test_a_job_moves_between_processes_and_containers_with_its_secrets(both, secretive, wait_until):
    deploy(both, secretive, "docker")
    assert perform(both) == {"password": "rose", "is_container": True}

    for target, is_container in (("process", False), ("docker", True)):
        both.racetrack("move", "secretive", "--version=0.0.1", f"--infrastructure={target}")
        expected = {"password": "rose", "is_container": is_container}
        # PUB may call the former instance, which drains, until it hears of the new one.
        wait_until(lambda expected=expected: perform(both) == expected)
        assert [job["infrastructure_target"] for job in both.jobs()] == [target]


def test_containers_stop_with_the_platform_and_come_back_with_it(
    both, secretive, platform, wait_until
):
    deploy(both, secretive, "docker")

    assert both.control("down").returncode == 0
    label = f"--filter=label=racetrack-platform={platform}"
    assert docker("ps", "--quiet", label, "--filter=status=running") == ""
    up = both.control("up")
    assert up.returncode == 0, up.stderr

    wait_until(lambda: perform(both) is not None)
