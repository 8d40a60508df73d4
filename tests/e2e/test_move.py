"""A job goes from processes to containers and back, and its callers notice nothing."""

import time
import uuid
from collections.abc import Iterator

import pytest
from stacks.caller import Caller
from stacks.compose import docker
from stacks.embedded import EmbeddedStack, start_embedded_stack

CODE = "class Job:\n    def perform(self):\n        return {answer}\n"
PERFORM = "wanderer/latest/api/v1/perform"

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def both() -> Iterator[EmbeddedStack]:
    """An embedded stack whose jobs may be processes or containers."""
    platform = f"move-{uuid.uuid4().hex[:8]}"
    label = f"label=racetrack-platform={platform}"
    settings = {
        "BUILT_IN_TARGETS": "process,docker",
        "DOCKER_PUBLISH_HOST": "127.0.0.1",
        "PLATFORM_NAME": platform,
        "DOCKER_NETWORK": platform,
    }
    stack = start_embedded_stack(settings)
    yield stack
    stack.stop()
    for container in docker("ps", "--all", "--quiet", "--filter", label).split():
        docker("rm", "--force", container)
    for image in set(docker("images", "--quiet", "--filter", label).split()):
        docker("rmi", "--force", image)
    for network in docker("network", "ls", "--quiet", "--filter", f"name={platform}").split():
        docker("network", "rm", network)


def deploy(stack, directory, answer):
    (directory / "job.py").write_text(CODE.format(answer=answer))
    stack.racetrack("deploy", str(directory), "--build-context", "local", "--force")


def find_target(stack):
    [job] = [job for job in stack.jobs() if job["name"] == "wanderer"]
    return job["infrastructure_target"]


def move(stack, target):
    began = time.monotonic()
    stack.racetrack("move", "wanderer", "--version", "0.0.1", "--infrastructure", target)
    assert find_target(stack) == target
    print(f"moved to {target} in {time.monotonic() - began:.1f} s")


def test_a_job_moves_and_is_rolled_back_without_a_lost_call(both, job_directory):
    directory = job_directory("wanderer", CODE)
    deploy(both, directory, 1)
    deploy(both, directory, 2)

    with Caller(both, PERFORM, {}) as caller:
        move(both, "docker")
        assert both.call(PERFORM, {}).json() == 2
        both.racetrack("rollback", "wanderer")
        assert both.call(PERFORM, {}).json() == 1
        assert find_target(both) == "process"
        move(both, "docker")
        move(both, "process")
        assert both.call(PERFORM, {}).json() == 1

    assert caller.calls > 50
    assert caller.failures == []
