"""What happens to containers of the stack and of jobs, and what of it callers notice: as little as can be."""

import pytest
from stacks.caller import Caller
from stacks.compose import docker

pytestmark = pytest.mark.docker

CALL = ("adder/latest/api/v1/perform", {"numbers": [40, 2]})


@pytest.fixture
def adder(compose_stack):
    compose_stack.racetrack("deploy", "sample/python-class", "--force")
    return compose_stack


def answers(stack):
    response = stack.call(*CALL)
    return response.status_code == 200 and response.json() == 42


def newest_container(stack):
    return max(stack.job_containers("adder"), key=lambda found: found["Created"])


def test_calls_go_on_while_the_database_restarts(adder, wait_until):
    assert answers(adder)
    with Caller(adder, *CALL) as caller:
        wait_until(lambda: caller.calls > 10)
        adder.compose("restart", "postgres")
        calls = caller.calls
        wait_until(lambda: adder.api("GET", "job").status_code == 200, what="the database's return")
        wait_until(lambda: caller.calls > calls + 50)
    assert caller.failures == []
    adder.racetrack("deploy", "sample/python-class", "--force")


def test_a_deployment_goes_on_after_a_restart_of_the_database(adder, wait_until):
    with Caller(adder, *CALL) as caller:
        command = adder.start_racetrack("deploy", "sample/python-class", "--force", "--no-cache")
        wait_until(lambda: adder.api("GET", "deploy?limit=1").json()[0]["status"] == "in_progress")
        adder.compose("restart", "postgres")
        output, _ = command.communicate(timeout=100)
    assert command.returncode == 0, output + adder.log_tails()
    assert caller.failures == []
    assert answers(adder)


def test_a_container_that_somebody_removed_comes_back(adder, wait_until):
    removed = newest_container(adder)["Id"]
    docker("rm", "--force", removed)
    wait_until(lambda: answers(adder), what="the job's return")
    assert newest_container(adder)["Id"] != removed


def test_a_container_that_somebody_stopped_comes_back(adder, wait_until):
    docker("stop", "--time", "1", newest_container(adder)["Id"])
    wait_until(lambda: answers(adder), what="the job's return")


def test_jobs_and_their_data_survive_down_and_up(adder, wait_until):
    adder.control("down")
    assert adder.job_containers("adder") == []
    adder.control("up")
    wait_until(lambda: answers(adder), what="the job's return")

    def is_known_to_run():
        [job] = [job for job in adder.jobs() if job["name"] == "adder"]
        return job["status"] == "running"

    wait_until(is_known_to_run, what="the sight of the job")
