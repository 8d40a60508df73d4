"""The families of processes, as /proc tells of them."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest
from lifecycle.infrastructure.process.os_processes import StartedProcess
from lifecycle.infrastructure.process.process_table import ProcessTable
from racetrack_commons.testing.serving import wait_until

WAITING = "import sys; print('ready', flush=True); sys.stdin.read()"
# Its child has pipes of its own: it must neither read what is meant for its parent, nor write before it.
DAEMON = """
import subprocess, sys
waiting = "import signal; signal.alarm(100); signal.pause()"
nothing = subprocess.DEVNULL
child = subprocess.Popen(
    [sys.executable, "-c", waiting], stdin=nothing, stdout=nothing, start_new_session=True, env={}
)
print(child.pid, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def start():
    """Starts a Python program with a pipe to it; it ends at the end of the test."""
    with ExitStack() as ending:

        def start(code, **variables):
            process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
                env=variables,
            )
            ending.enter_context(process)
            ending.callback(process.kill)
            return process, process.stdout.readline().strip()

        yield start


def list_pids(table, leader, process_id, create_time=1.0):
    table.refresh()
    started = StartedProcess(pid=leader, create_time=create_time)
    return {entry.pid for entry in table.list_family(started, process_id)}


def test_a_process_with_the_mark_belongs_to_its_replica_whatever_its_session(start):
    process, _ = start(WAITING, RACETRACK_PROCESS_ID="row-1")
    other, _ = start(WAITING, RACETRACK_PROCESS_ID="row-11")

    table = ProcessTable()

    assert list_pids(table, 2**30, "row-1") == {process.pid}
    assert list_pids(table, other.pid, "row-1") == {process.pid, other.pid}


def test_a_member_stays_one_without_parent_session_or_mark(start):
    leader, daemon = start(DAEMON)
    table = ProcessTable()
    assert list_pids(table, leader.pid, "row-1") == {leader.pid, int(daemon)}

    leader.communicate("end\n")

    assert list_pids(table, leader.pid, "row-1") == {int(daemon)}
    assert list_pids(table, 2**30, "row-2") == set()
    os.kill(int(daemon), signal.SIGKILL)
    wait_until(lambda: list_pids(table, leader.pid, "row-1") == set())


def test_members_of_one_start_are_none_of_the_next(start):
    former, daemon = start(DAEMON)
    table = ProcessTable()
    assert list_pids(table, former.pid, "row-1") == {former.pid, int(daemon)}
    leader, _ = start(WAITING)

    members = list_pids(table, leader.pid, "row-1", create_time=2.0)

    os.kill(int(daemon), signal.SIGKILL)
    assert members == {leader.pid}


def test_the_name_of_a_program_may_hold_anything(start):
    renaming = "import ctypes; ctypes.CDLL(None).prctl(15, b'a) R 1 (b'); " + WAITING
    process, _ = start(renaming)

    entry = ProcessTable().find(process.pid)

    assert (entry.pid, entry.session) == (process.pid, process.pid)
    assert entry.rss_bytes > 2**20


def test_shared_pages_count_once_and_private_ones_all(start):
    forking = "import os; kept = b'x' * 50_000_000; os.fork(); " + WAITING
    process, _ = start(forking)
    table = ProcessTable()
    table.refresh()
    family = table.list_family(StartedProcess(pid=process.pid, create_time=1), "row-1")

    assert sum(entry.rss_bytes for entry in family) > 100_000_000
    assert 50_000_000 < table.measure_bytes(family) < 80_000_000


def test_there_is_nothing_to_see_without_proc(tmp_path):
    table = ProcessTable(tmp_path / "nowhere")

    assert list_pids(table, 1, "row-1") == set()
