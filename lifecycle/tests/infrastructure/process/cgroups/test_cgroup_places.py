"""The places for cgroups, found in descriptions of machines of several kinds."""

import os

import pytest
from lifecycle.infrastructure.process.cgroups.cgroup_places import list_places


@pytest.fixture
def machine(tmp_path):
    """Describes a machine: its mounts as the kernel lists them, and the group that this process runs in."""

    class Machine:
        top = tmp_path / "cgroup tree"

        def mount(self, kind, options="rw", name="", root="/"):
            folder = self.top / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "cgroup.procs").write_text("")
            (tmp_path / "proc/self").mkdir(parents=True, exist_ok=True)
            escaped = str(folder).replace(" ", r"\040")
            with (tmp_path / "proc/self/mountinfo").open("a") as mounts:
                mounts.write(f"41 31 0:38 {root} {escaped} rw,relatime - {kind} {kind} {options}\n")
            return folder

        def unified(self, controllers="cpuset cpu io memory pids", **values):
            folder = self.mount("cgroup2", **values)
            (folder / "cgroup.controllers").write_text(f"{controllers}\n")
            return folder

        def run_in(self, lines):
            (tmp_path / "proc/self/cgroup").write_text(lines)

        def list_places(self):
            return list_places(tmp_path / "proc")

    return Machine()


def make_group(folder, is_delegated):
    folder.mkdir(parents=True)
    (folder / "cgroup.procs").write_text("")
    if is_delegated:
        os.setxattr(folder, "user.delegate", b"1")


def test_version_2_is_limited_at_its_top(machine):
    top = machine.unified()
    machine.run_in("0::/system.slice/racetrack.service\n")
    make_group(top / "system.slice/racetrack.service", is_delegated=False)

    [place] = machine.list_places()

    assert place.version == 2
    assert place.folders == {"memory": top, "cpu": top, "pids": top}


@pytest.mark.parametrize("leaf", ["", "/racetrack-services"])
def test_a_delegated_unit_comes_first_even_when_the_services_have_moved_into_its_leaf(
    machine, leaf
):
    top = machine.unified()
    machine.run_in(f"0::/system.slice/racetrack.service{leaf}\n")
    unit = top / "system.slice/racetrack.service"
    make_group(unit, is_delegated=True)

    places = machine.list_places()

    assert [place.folders["memory"] for place in places] == [unit, top]


def test_a_container_sees_a_part_of_the_tree(machine):
    top = machine.unified(root="/docker/1a2b")
    machine.run_in("0::/docker/1a2b/inner\n")
    make_group(top / "inner", is_delegated=True)

    assert machine.list_places()[0].folders["memory"] == top / "inner"


def test_a_hybrid_machine_limits_by_version_1(machine):
    machine.unified(controllers="", name="unified")
    memory = machine.mount("cgroup", options="rw,memory", name="memory")
    cpu = machine.mount("cgroup", options="rw,cpu,cpuacct", name="cpu,cpuacct")
    machine.mount("cgroup", options="rw,name=systemd", name="systemd")
    machine.run_in("4:memory:/\n0::/\n")

    [place] = machine.list_places()

    assert (place.version, place.folders) == (1, {"memory": memory, "cpu": cpu})


def test_a_machine_without_the_memory_controller_has_no_place(machine):
    machine.mount("cgroup", options="rw,pids", name="pids")
    machine.mount("tmpfs", name="other")

    assert machine.list_places() == []


def test_lines_that_are_cut_short_and_names_that_are_no_text_are_no_trouble(machine, tmp_path):
    top = machine.unified()
    with (tmp_path / "proc/self/mountinfo").open("ab") as mounts:
        mounts.write(b"41 31 0:38 / /mnt\n41 31 - cgroup2\n\n41 - cgroup2 cgroup2 rw\n")
        mounts.write(b"41 31 0:38 / /caf\xe9\\040\xc3\xa9 rw - tmpfs tmpfs rw\n41 31 0:3")

    assert [place.folders["memory"] for place in machine.list_places()] == [top]


def test_a_machine_without_proc_has_no_place(tmp_path):
    assert list_places(tmp_path / "nowhere") == []
