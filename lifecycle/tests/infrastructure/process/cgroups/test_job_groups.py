"""Groups on a fake tree of version 2, on a fake one of version 1, and on the tree that the machine has."""

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lifecycle.infrastructure.process.cgroups.cgroup_places import CgroupPlace, list_places
from lifecycle.infrastructure.process.cgroups.job_groups import GroupLimits, JobGroups
from racetrack_commons.os_users.entrance import Entrance, hide_variables
from racetrack_commons.testing.serving import wait_until

MEBI = 2**20
LIMITS = GroupLimits(100 * MEBI, cpus=1.5, threads=200)


def read_all(folder):
    return {file.name: file.read_text() for file in folder.iterdir() if file.is_file()}


@pytest.fixture
def unified(tmp_path):
    """A folder in the shape of a container's tree of version 2, in which two processes run."""
    (tmp_path / "cgroup.type").write_text("domain\n")
    (tmp_path / "cgroup.procs").write_text("17\n18\n")
    return CgroupPlace(2, dict.fromkeys(("memory", "cpu", "pids"), tmp_path))


@pytest.fixture
def separate(tmp_path):
    """Folders in the shape of version 1, which has no controller for processes here."""
    folders = {name: tmp_path / name for name in ("memory", "cpu")}
    for folder in folders.values():
        folder.mkdir()
    return CgroupPlace(1, folders)


@pytest.fixture
def of_machine(tmp_path):
    """Groups in the best place of this machine, which are removed at the end; none where it has no place."""
    groups = JobGroups(str(tmp_path), list_places())
    yield groups
    groups.kill_all()


def test_version_2_limits_memory_swap_cpu_and_threads_and_ends_a_group_as_a_whole(unified):
    group = JobGroups("/data/a", [unified]).find("one-0-0")

    group.make(LIMITS)

    [entry] = group.entries
    assert read_all(entry.parent) == {
        "memory.max": str(100 * MEBI),
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "cpu.max": "150000 100000",
        "pids.max": "200",
    }


def test_version_2_moves_the_services_out_of_the_way_and_passes_its_controllers_on(unified):
    top = unified.folders["memory"]

    JobGroups("/data/a", [unified]).find("one-0-0").make(LIMITS)

    assert (top / "racetrack-services/cgroup.procs").read_text() in ("17", "18")
    [own] = top.glob("racetrack-[!s]*")
    for folder in (top, own):
        assert (folder / "cgroup.subtree_control").read_text() in ("+memory", "+cpu", "+pids")


def test_the_root_of_the_whole_tree_keeps_its_processes(unified):
    top = unified.folders["memory"]
    (top / "cgroup.type").unlink()

    JobGroups("/data/a", [unified]).find("one-0-0").make(LIMITS)

    assert not (top / "racetrack-services").exists()


def test_version_1_limits_by_one_folder_for_each_controller(separate):
    group = JobGroups("/data/a", [separate]).find("one-0-0")

    group.make(LIMITS)

    memory, cpu = group.entries
    assert read_all(memory.parent) == {
        "memory.limit_in_bytes": str(100 * MEBI),
        "memory.memsw.limit_in_bytes": str(100 * MEBI),
    }
    assert read_all(cpu.parent) == {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "150000"}


def test_a_tiny_share_of_a_cpu_is_the_least_that_the_kernel_takes(unified):
    group = JobGroups("/data/a", [unified]).find("one-0-0")

    group.make(GroupLimits(MEBI, cpus=0.001))

    assert (group.entries[0].parent / "cpu.max").read_text() == "1000 100000"
    assert not (group.entries[0].parent / "pids.max").exists()


@pytest.mark.parametrize(
    ("place", "files"),
    [
        (
            "unified",
            {
                "memory.current": "90",
                "memory.stat": "anon 50\ninactive_file 30\n",
                "memory.peak": "95",
                "memory.events": "low 0\noom 2\noom_kill 1\n",
            },
        ),
        (
            "separate",
            {
                "memory.usage_in_bytes": "90",
                "memory.stat": "rss 50\ntotal_inactive_file 30\n",
                "memory.max_usage_in_bytes": "95",
                "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
            },
        ),
    ],
)
def test_what_a_group_used_and_whether_it_was_killed_is_read(place, files, request):
    group = JobGroups("/data/a", [request.getfixturevalue(place)]).find("one-0-0")
    group.make(LIMITS)
    assert (group.read_used_bytes(), group.read_peak_bytes()) == (None, None)
    assert group.count_memory_kills() == 0

    for name, text in files.items():
        (group.entries[0].parent / name).write_text(text)

    assert (group.read_used_bytes(), group.read_peak_bytes()) == (60, 95)
    assert group.count_memory_kills() == 1


def test_two_platforms_of_one_machine_do_not_see_each_other(unified):
    one, other = (JobGroups(mark, [unified]) for mark in ("/data/a", "/data/b"))

    one.find("one-0-0").make(LIMITS)

    assert (one.list_names(), other.list_names()) == (["one-0-0"], [])


def test_there_are_no_groups_when_the_platforms_folder_is_gone(unified):
    groups = JobGroups("/data/a", [unified])
    group = groups.find("one-0-0")
    folder = unified.folders["memory"] / groups._name
    assert groups.list_names() == []

    shutil.rmtree(folder)

    assert groups.list_names() == []
    groups.kill_all()
    group.make(LIMITS)
    assert groups.list_names() == ["one-0-0"]


@pytest.mark.parametrize(
    ("proc", "consequence"),
    [("/proc", "ended beyond their memory"), ("/nowhere", "their memory is not limited")],
)
def test_the_log_tells_whether_jobs_without_groups_are_held_to_their_memory(
    proc, consequence, caplog
):
    caplog.set_level("INFO")

    assert JobGroups("/data/a", [], Path(proc)).find("one-0-0") is None

    assert consequence in caplog.text


def test_the_next_place_is_taken_where_the_first_one_refuses(unified, tmp_path):
    refusing = CgroupPlace(2, dict.fromkeys(("memory", "cpu", "pids"), tmp_path / "gone/away"))

    groups = JobGroups("/data/a", [refusing, unified])

    assert groups.find("one-0-0") is not None
    assert JobGroups("/data/a", [refusing]).find("one-0-0") is None
    assert JobGroups("/data/a", []).list_names() == []


def enter(entries, *command):
    return subprocess.run(
        Entrance(cgroups=entries).make_command(command),
        capture_output=True,
        text=True,
        check=False,
        env=hide_variables({"dotted.name": "kept", "EMPTY": ""}),
    )


def test_a_program_joins_its_groups_before_it_becomes_the_jobs(tmp_path):
    entries = [tmp_path / "memory", tmp_path / "cpu"]

    done = enter(entries, "/usr/bin/env")

    assert (done.returncode, done.stdout.splitlines()) == (0, ["dotted.name=kept", "EMPTY="])
    assert [entry.read_text() for entry in entries] == ["0", "0"]


def test_a_program_that_can_not_join_its_group_does_not_run(tmp_path):
    done = enter([tmp_path / "gone/cgroup.procs"], "/bin/echo", "ran")

    assert (done.returncode, done.stdout) == (1, "")
    assert "the program can't be held to its limits" in done.stderr
    assert "/nowhere can't be started" in enter([], "/nowhere").stderr


def test_a_quota_of_cpus_holds_on_this_machine(of_machine):
    group = of_machine.find("one-0-0")
    if group is None:
        assert list_places() == []
        return
    if "cpu" not in list_places()[0].folders:
        return
    group.make(GroupLimits(100 * MEBI, cpus=0.2))
    code = "import time\nwhile time.monotonic() < start + 1: pass\nprint(time.process_time())"

    done = enter(
        group.entries, sys.executable, "-c", f"import time; start = time.monotonic()\n{code}"
    )

    assert float(done.stdout) < 0.5
    wait_until(group.remove)


def test_a_group_of_this_machine_holds_kills_and_goes(of_machine):
    group = of_machine.find("one-0-0")
    if group is None:
        assert list_places() == []  # Tests of the memory of jobs show what happens then.
        return
    group.make(LIMITS)
    code = "import os, time; os.setsid(); print(os.getpid(), flush=True); time.sleep(600)"
    command = Entrance(cgroups=group.entries).make_command([sys.executable, "-c", code])
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with contextlib.closing(child.stdout):
        assert int(child.stdout.readline()) == child.pid
    assert group.list_pids() == [child.pid]
    used_bytes = group.read_used_bytes()
    peak_bytes = (
        group.read_peak_bytes() or used_bytes
    )  # Linux before 5.19 doesn't tell it for version 2.
    assert MEBI < used_bytes <= peak_bytes < 100 * MEBI
    assert not group.remove(), "a process runs in it"

    group.kill()

    assert child.wait() == -9
    wait_until(group.remove)
    assert of_machine.list_names() == []
    assert group.find_create_time() is None
