"""Services killed at any moment: deployments end right, and the version that served goes on serving."""

import time

import httpx
import pytest
from stacks.caller import Caller

SLOW = """
import time
class Job:
    def __init__(self):
        time.sleep(1.5)
    def perform(self, x: int = 1):
        return x
"""


CRASHING = """
import os
class Job:
    def perform(self, crash: bool = False):
        if crash:
            os._exit(1)
        return "alive"
"""


@pytest.mark.parametrize("service", ["lifecycle", "image-builder", "lifecycle-supervisor"])
@pytest.mark.parametrize("delay", [0.0, 0.4, 1.2])
def test_a_deployment_survives_the_kill_of_a_service(
    stack, job_directory, wait_until, service, delay
):
    name = f"killed-{service}-{int(delay * 10)}"
    directory = job_directory(name, SLOW)
    stack.racetrack("deploy", str(directory), "--build-context", "local")
    with Caller(stack, f"{name}/latest/api/v1/perform", {"x": 3}) as caller:
        wait_until(lambda: caller.calls > 3)
        job_directory(name, SLOW.replace("return x", "return -x"))
        command = stack.start_racetrack(
            "deploy", str(directory), "--force", "--build-context", "local"
        )
        wait_until(lambda: deployment_started(stack, name), what="the deployment's start")
        time.sleep(delay)  # the moment of the kill, not a wait for a condition
        stack.kill(service)
        output, _ = command.communicate(timeout=100)
    assert command.returncode == 0, output + stack.log_tails()
    assert caller.failures == [], stack.log_tails()
    # A deployment has ended for the client when calls go to what it led to.
    assert stack.call(f"{name}/latest/api/v1/perform", {"x": 4}).json() == -4


def deployment_started(stack, name):
    deployments = stack.api("GET", "deploy?limit=5").json()
    return any(d["job_name"] == name and d["status"] == "in_progress" for d in deployments)


@pytest.mark.parametrize("delay", [0.0, 1.2])
def test_a_deployment_does_not_need_pub(stack, job_directory, wait_until, delay):
    name = f"killed-pub-{int(delay * 10)}"
    directory = job_directory(name, SLOW)
    stack.racetrack("deploy", str(directory), "--build-context", "local")
    command = stack.start_racetrack("deploy", str(directory), "--force", "--build-context", "local")
    wait_until(lambda: deployment_started(stack, name), what="the deployment's start")
    time.sleep(delay)  # the moment of the kill, not a wait for a condition
    stack.kill("pub")
    output, _ = command.communicate(timeout=100)
    assert command.returncode == 0, output

    def answers():
        try:
            return stack.call(f"{name}/latest/api/v1/perform", {"x": 4}).json() == 4
        except httpx.TransportError:
            return False

    wait_until(answers, what="the gateway's return")


def test_pub_comes_back_after_a_kill(stack, wait_until):
    stack.racetrack("deploy", "sample/python-class", "--force")
    stack.kill("pub")

    def answers():
        try:
            return (
                stack.call("adder/latest/api/v1/perform", {"numbers": [40, 2]}).status_code == 200
            )
        except httpx.TransportError:
            return False

    wait_until(answers)


def test_a_crashed_job_is_restarted(stack, job_directory, wait_until):
    directory = job_directory("crashes", CRASHING)
    stack.racetrack("deploy", str(directory), "--build-context", "local")
    assert stack.call("crashes/latest/api/v1/perform", {"crash": True}).status_code == 502
    wait_until(
        lambda: stack.call("crashes/latest/api/v1/perform", {}).status_code == 200,
        what="the restart",
    )


def test_two_deployments_of_one_version_at_once_do_not_mix(stack, job_directory):
    directory = job_directory("twice", SLOW)
    commands = [
        stack.start_racetrack("deploy", str(directory), "--force", "--build-context", "local")
        for _ in range(2)
    ]
    outputs = [command.communicate(timeout=100)[0] for command in commands]
    assert sorted(command.returncode for command in commands) == [0, 70], outputs
    assert stack.call("twice/latest/api/v1/perform", {"x": 2}).json() == 2


def test_redeploys_under_load_lose_no_call(stack):
    stack.racetrack("deploy", "sample/python-class", "--force")
    with Caller(stack, "adder/latest/api/v1/perform", {"numbers": [40, 2]}) as caller:
        for _ in range(5):
            stack.racetrack("deploy", "sample/python-class", "--force")
    assert caller.calls > 50
    assert caller.failures == []


def test_calls_outlive_the_control_plane(stack, wait_until):
    stack.racetrack("deploy", "sample/python-class", "--force")
    assert stack.call("adder/latest/api/v1/perform", {"numbers": [40, 2]}).json() == 42
    services = ("lifecycle", "lifecycle-supervisor")
    for service in services:
        stack.pause(service)
    try:
        assert stack.call("adder/latest/api/v1/perform", {"numbers": [40, 2]}).json() == 42
    finally:
        for service in services:
            stack.resume(service)
