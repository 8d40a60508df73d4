"""What jobs really use is what they are held to, on machines that make cgroups and on those that do not."""

import contextlib
import os
import re
from pathlib import Path

import httpx
import psutil
import pytest
from lifecycle.deployer.instances import JobCrashed
from lifecycle.infrastructure.answer_watch import AnswerWatch
from lifecycle.infrastructure.process.cgroups.cgroup_places import list_places
from lifecycle.infrastructure.process.deployer import find_started_process
from lifecycle.infrastructure.process.monitor import ProcessMonitor
from lifecycle.infrastructure.process.os_processes import is_alive
from lifecycle.infrastructure.process.process_table import ProcessTable
from lifecycle.testing.deployer_contract import a_contract_manifest
from lifecycle.testing.instances import an_instance, first_process_of, is_up, save_instance
from lifecycle.testing.tiny_job import TINY_JOB
from racetrack_commons.testing.serving import wait_until

MEBI = 2**20
WAYS = ["measured", *(["cgroup"] if list_places() else [])]

RESERVING = f"""
import mmap, threading
# As numerical libraries do on a machine of 64 CPUs: a buffer and a thread with its stack for each, hardly touched.
kept = [mmap.mmap(-1, 40 * 2**20) for _ in range(64)]
threading.stack_size(64 * 2**20)
never = threading.Event()
for _ in range(64):
    threading.Thread(target=never.wait, daemon=True).start()
{TINY_JOB}"""

GREEDY = """
import time
time.sleep(0.3)
kept = bytearray(120 * 2**20)
time.sleep(600)
"""

PARENT = """
import multiprocessing, os, subprocess, sys, time

def take():
    kept = bytearray(50 * 2**20)
    time.sleep(600)

if __name__ == "__main__":
    time.sleep(0.3)
    if sys.argv[1] == "fork":
        for _ in range(3):
            multiprocessing.get_context("fork").Process(target=take).start()
    elif sys.argv[1] == "spawn":
        for _ in range(3):
            multiprocessing.get_context("spawn").Process(target=take).start()
    else:  # Daemons: their parents end, and they lead sessions of their own.
        code = "import time; kept = bytearray(50 * 2**20); time.sleep(600)"
        start = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {code!r}], start_new_session=True)"
        for _ in range(3):
            subprocess.run([sys.executable, "-c", start])
    time.sleep(600)
"""

SHARING = f"""
import os
kept = bytearray(60 * 2**20)
for _ in range(5):
    if os.fork() == 0:
        import time
        time.sleep(600)
{TINY_JOB}"""

KEEPING = TINY_JOB.replace(
    'bytes(int(argument)).replace(bytes(1), b"x")', "self.server.kept = bytearray(int(argument))"
)


@pytest.fixture(params=WAYS)
def places(request):
    return list_places() if request.param == "cgroup" else []


@pytest.fixture
def start(deployer, make_spec, unit_of_work):
    """Starts a job that may use 100 MiB."""

    def start(code, memory="100Mi", **values):
        manifest = a_contract_manifest(resources={"memory_max": memory})
        return deployer.start_instance(make_spec("one", code, manifest=manifest, **values))

    return start


@pytest.fixture
def watch(keeper):
    """Does what the Supervisor's threads do, once."""

    def watch():
        keeper.keep()
        keeper.memory_watch.look()

    return watch


def list_members(process):
    """List the living processes that a job has started, also those without its variables."""
    table = ProcessTable()
    table.refresh()
    return table.list_family(find_started_process(process), process.id)


def wait_for_kill(watch, unit_of_work):
    wait_until(lambda: watch() or first_process_of(unit_of_work).memory_kill)
    return first_process_of(unit_of_work).memory_kill


def test_reserved_address_space_is_no_memory(start, watch, uses, unit_of_work):
    instance = start(RESERVING)
    wait_until(lambda: is_up(instance.internal_name))

    watch()

    process = first_process_of(unit_of_work)
    assert psutil.Process(process.pid).memory_info().vms > 4000 * MEBI
    assert 5 * MEBI < uses.of_processes[process.id].used_bytes < 80 * MEBI
    assert uses.of_processes[process.id].limit_bytes == 100 * MEBI


def test_a_deployment_that_uses_too_much_memory_fails_with_the_numbers(
    deployer, start, watch, unit_of_work
):
    start(GREEDY)
    wait_until(
        lambda: watch() or not is_alive(find_started_process(first_process_of(unit_of_work)))
    )

    with pytest.raises(JobCrashed) as caught:
        deployer.check_instance("one")

    assert re.search(
        r"was killed for using more memory than it may \(out of memory: used 1\d\d\.\d MiB, limit 100\.0 MiB\);"
        r" raise resources\.memory_max in job\.yaml",
        str(caught.value),
    )


@pytest.mark.parametrize("way", ["fork", "spawn", "daemon"])
def test_the_children_of_a_job_count_and_die_with_it(way, start, watch, unit_of_work):
    start(PARENT.replace("sys.argv[1]", repr(way)))

    kill = wait_for_kill(watch, unit_of_work)

    assert "limit 100.0 MiB" in kill
    wait_until(lambda: watch() or not list_members(first_process_of(unit_of_work)))


def test_pages_that_processes_share_count_once(start, watch, uses, unit_of_work):
    instance = start(SHARING)
    wait_until(lambda: is_up(instance.internal_name))

    watch()

    process = first_process_of(unit_of_work)
    assert len(list_members(process)) == 6
    assert 60 * MEBI < uses.of_processes[process.id].used_bytes < 100 * MEBI
    assert is_up(instance.internal_name)


def test_a_serving_job_is_started_again_under_its_limit_and_its_users_learn_why(
    start, watch, keeper, deployer, uses, unit_of_work, process_config
):
    instance = start(KEEPING)
    save_instance(unit_of_work, an_instance())
    monitor = ProcessMonitor(deployer, uses, AnswerWatch())
    for kills in (1, 2):
        wait_until(lambda: watch() or is_up(instance.internal_name))
        with contextlib.suppress(httpx.HTTPError):
            httpx.get(f"http://{instance.internal_name}/eat?{140 * MEBI}", trust_env=False)
        wait_until(lambda: watch() or first_process_of(unit_of_work).restarts == kills)  # noqa: B023
    wait_until(lambda: watch() or is_up(instance.internal_name))
    process_id = first_process_of(unit_of_work).id
    wait_until(lambda: watch() or MEBI < uses.of_processes[process_id].used_bytes < 90 * MEBI)

    [job] = monitor.list_jobs(process_config)

    assert job.status == "running"
    assert "was killed for using more memory than it may (out of memory: used 1" in job.notice
    assert "it was started again 2 times" in job.notice
    statistics = job.infrastructure_stats
    assert statistics["memory_limit_bytes"] == 100 * MEBI
    assert statistics["memory_peak_bytes"] > 90 * MEBI > statistics["memory_bytes"] > MEBI
    process = first_process_of(unit_of_work)
    assert process.peak_memory_bytes > 90 * MEBI
    log = Path(process.log_path).read_text()
    assert "racetrack: the job was killed for using more memory than it may" in log


@pytest.mark.parametrize("places", [[]], ids=["measured"])
def test_a_stranger_with_the_number_of_a_crashed_job_is_not_measured(
    start, watch, uses, unit_of_work
):
    start(KEEPING)
    with unit_of_work() as uow:
        uow.processes.mark_started(first_process_of(unit_of_work).id, os.getpid(), 1.0)

    watch()

    assert uses.of_processes == {}


def test_a_job_that_ends_without_a_word_is_told_of_in_its_log(start, unit_of_work):
    start("raise SystemExit(0)")

    log = Path(first_process_of(unit_of_work).log_path)

    wait_until(lambda: "racetrack: the job's process ended (exit code 0)" in log.read_text())
