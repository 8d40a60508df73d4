"""Images are removed all the time, and no deployment ever misses one."""

import os
import time
from collections.abc import Iterator

import pytest
from stacks.caller import Caller
from stacks.embedded import EmbeddedStack, start_embedded_stack

CODE = "class Job:\n    def perform(self):\n        return {answer}\n"
PERFORM = "kept/latest/api/v1/perform"
TWO_HOURS = 2 * 3600


@pytest.fixture(scope="module")
def cleaning_stack() -> Iterator[EmbeddedStack]:
    """A stack that forgets what it can each second."""
    settings = {
        "CLEANING_INTERVAL_SECONDS": "1",
        "IMAGE_RETENTION_HOURS": "1",
        "DRAIN_SECONDS": "0.5",
        "RESTORABLE_DEPLOYMENTS": "3",
    }
    stack = start_embedded_stack(settings)
    yield stack
    stack.stop()


def age(stack):
    """Let two hours go by since anything was needed."""
    moment = time.time() - TWO_HOURS
    for folder, name in (("images", "image.json"), ("environments", "environment.json")):
        for path in (stack.data / folder).glob(f"**/{name}"):
            os.utime(path, (moment, moment))


def deploy(stack, directory, answer):
    (directory / "job.py").write_text(CODE.format(answer=answer))
    stack.racetrack("deploy", str(directory), "--build-context", "local", "--force")


def list_images(stack):
    return sorted(path.name for path in (stack.data / "images/kept").glob("[!.]*"))


def test_deployments_and_rollbacks_find_their_images_while_old_ones_go(
    cleaning_stack, job_directory, wait_until
):
    stack = cleaning_stack
    directory = job_directory("kept", CODE)
    deploy(stack, directory, 0)
    [first] = list_images(stack)
    with Caller(stack, PERFORM, {}) as caller:
        for number in (1, 2, 1, 3):
            age(stack)
            deploy(stack, directory, number)
            assert stack.call(PERFORM, {}).json() == number
            age(stack)
            stack.racetrack("rollback", "kept")
            stack.kill("lifecycle-supervisor" if number % 2 else "image-builder")

        def has_lost_the_first():
            # Again and again: an hour begins again each time that Lifecycle needs it.
            age(stack)
            return first not in list_images(stack)

        wait_until(has_lost_the_first, what="the removal of the first image")
    assert caller.failures == []
    assert stack.call(PERFORM, {}).json() == 1

    stack.racetrack("delete", "kept", "--version", "0.0.1")

    def is_gone():
        age(stack)
        return not (stack.data / "images/kept").exists()

    wait_until(is_gone, what="the removal of a deleted job's images")
