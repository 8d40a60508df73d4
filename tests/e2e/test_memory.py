"""Memory is what jobs use, not what they reserve: on machines of many CPUs, and when they use too much."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from lifecycle.infrastructure.process.cgroups.cgroup_places import list_places
from lifecycle.infrastructure.process.cgroups.job_groups import JobGroups
from stacks.simulated_cpus import compile_simulated_cpus, simulate_cpus

CALLERS = 40
SOLVER = """
import os
import numpy

class Job:
    def perform(self, size: int = 20):
        matrix = numpy.eye(size) * 2
        return [os.cpu_count(), float(numpy.linalg.solve(matrix, numpy.ones(size))[0]), float((matrix @ matrix)[0][0])]

    def docs_input_example(self):
        return {"size": 20}
"""
"""Its buffers and threads for each CPU are made by the import; such small matrices need none of them."""
HUNGRY = """
import multiprocessing

def take(megabytes):
    kept = b"x" * (megabytes * 1_000_000)
    multiprocessing.Event().wait()

class Job:
    def perform(self, megabytes: int = 0):
        if megabytes:
            for _ in range(2):
                multiprocessing.get_context("fork").Process(target=take, args=(megabytes,)).start()
        return megabytes
"""


@pytest.fixture
def stack(embedded_stack):
    """The target `process` alone: containers are limited by their engine."""
    return embedded_stack


@pytest.mark.parametrize("cpus", [16, 64])
def test_a_numerical_job_runs_in_the_default_memory_of_a_machine_of_many_cpus(
    stack, job_directory, cpus
):
    # The job reaches what is in its own directory, as each user.
    variables = simulate_cpus("./simulated_cpus.so", cpus)
    name = f"solver-{cpus}"
    extra = {
        "entrypoint_path": "job.py",
        "entrypoint_class": "Job",
        "requirements_path": "requirements.txt",
    }
    directory = job_directory(name, SOLVER, runtime_env=variables, jobtype_extra=extra)
    (directory / "requirements.txt").write_text("numpy\n")
    compile_simulated_cpus(directory)
    stack.racetrack("deploy", str(directory), "--build-context", "local")

    with ThreadPoolExecutor(CALLERS) as callers:
        path = f"{name}/latest/api/v1/perform"
        answers = list(callers.map(lambda _: stack.call(path, {"size": 20}), range(CALLERS)))

    assert [answer.json() for answer in answers] == [[cpus, 0.5, 4.0]] * CALLERS


def test_a_job_beyond_its_memory_is_named_and_comes_back_under_its_limit(
    stack, job_directory, wait_until
):
    groups = JobGroups(str(stack.data.resolve() / "logs/jobs"), list_places())
    others = set(groups.list_names())
    directory = job_directory("hungry", HUNGRY, resources={"memory_max": "150Mi"})
    stack.racetrack("deploy", str(directory), "--build-context", "local")
    assert len(set(groups.list_names()) - others) == (1 if list_places() else 0)

    for kills in (1, 2):
        stack.call("hungry/latest/api/v1/perform", {"megabytes": 120})
        wait_until(lambda: statistics_of(stack, "hungry").get("number_of_restarts") == kills)  # noqa: B023
        wait_until(lambda: stack.call("hungry/latest/api/v1/perform", {}).status_code == 200)
        if kills == 1:
            # A killed Supervisor takes no limit away, and the next one goes on watching.
            stack.kill("lifecycle-supervisor")

    wait_until(lambda: "was killed for using more memory than it may" in problems(stack))
    assert re.search(
        r"used \d+\.\d MiB, limit 150\.0 MiB\).*started again 2 times", problems(stack)
    )
    wait_until(lambda: "limit 150.0 MiB)" in stack.racetrack("list", "-c", "memory").stdout)
    (directory / "job.py").write_text(f"kept = b'x' * 200_000_000\n{HUNGRY}")
    done = stack.racetrack(
        "deploy", str(directory), "--build-context", "local", "--force", check=False
    )
    assert done.returncode == 70
    assert re.search(r"out of memory: used \d+\.\d MiB, limit 150\.0 MiB", done.stderr)
    assert stack.call("hungry/latest/api/v1/perform", {}).json() == 0

    stack.racetrack("delete", "hungry", "--version", "0.0.1")
    wait_until(lambda: not set(groups.list_names()) - others)


def statistics_of(stack, name):
    return next(job["infrastructure_stats"] for job in stack.jobs() if job["name"] == name)


def problems(stack):
    return stack.racetrack("list", "-c", "problem").stdout
