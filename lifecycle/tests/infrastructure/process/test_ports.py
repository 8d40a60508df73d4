"""Ports of jobs: the platform occupies them, and moves a job when another program is there first."""

import socket
from contextlib import closing

import psutil
import pytest
from lifecycle.deployer.instances import InstanceNotStarted
from lifecycle.infrastructure.process.deployer import find_started_process
from lifecycle.infrastructure.process.os_processes import is_alive
from lifecycle.testing.instances import an_instance, is_up
from racetrack_commons.entities.dto import ChangeKind
from racetrack_commons.testing.builders import a_job
from racetrack_commons.testing.serving import wait_until

BY_SOCKET = ("{host}", "{port}", "{fd}")
BY_PORT = ("{host}", "{port}")
DEAF = "import time\ntime.sleep(600)"


@pytest.fixture(params=[BY_SOCKET, BY_PORT], ids=["socket", "port"])
def serving(request, deployer, make_spec, unit_of_work):
    """A serving instance of a job, which takes its socket, or opens it itself."""
    started = deployer.start_instance(make_spec("one", arguments=request.param))
    wait_until(lambda: is_up(started.internal_name))
    addresses = {"internal_name": started.internal_name}
    addresses["replica_internal_names"] = [started.internal_name]
    with unit_of_work() as uow:
        uow.instances.save(an_instance(started.job_name, started.job_version, **addresses))
        uow.jobs.save(a_job(name=started.job_name, version=started.job_version, **addresses))
    return started


def crash(unit_of_work):
    with unit_of_work.reading() as uow:
        [process] = uow.processes.list_of_instance("one")
    found = psutil.Process(process.pid)
    found.kill()
    wait_until(lambda: not is_alive(find_started_process(process)))


def listen(port):
    return closing(socket.create_server(("127.0.0.1", port)))


def test_no_program_can_take_the_port_of_a_job_that_starts(deployer, make_spec):
    instance = deployer.start_instance(make_spec("one", DEAF, arguments=BY_SOCKET))
    host, port = instance.internal_name.split(":")
    with pytest.raises(OSError, match="in use"):
        socket.create_server((host, int(port)))
    with socket.create_connection((host, int(port)), timeout=5):
        pass  # A caller waits for the program.
    assert not deployer.has_lost_address("one")


def test_a_stopped_job_leaves_no_socket_behind(deployer, make_spec):
    instance = deployer.start_instance(make_spec("one", DEAF, arguments=BY_SOCKET))
    deployer.stop_instance("one", grace_seconds=0)
    with listen(int(instance.internal_name.split(":")[1])):
        pass


def test_a_port_that_was_taken_after_its_reservation_is_left_to_the_other(
    deployer, make_spec, unit_of_work, process_config, monkeypatch
):
    spec = make_spec("one", arguments=BY_SOCKET)
    reserve = deployer.ports.reserve
    taken = []

    def reserve_and_lose(make_process):
        process = reserve(make_process)
        taken.append(socket.create_server((process_config.job_host, process.port)))
        return process

    monkeypatch.setattr(deployer.ports, "reserve", reserve_and_lose)
    instance = deployer.start_instance(spec)
    with closing(taken[0]) as stranger:
        assert instance.internal_name != f"127.0.0.1:{stranger.getsockname()[1]}"
        wait_until(lambda: is_up(instance.internal_name))
        assert deployer.list_instances() == [instance]


def test_a_crashed_job_whose_port_was_taken_moves_with_its_route(keeper, serving, unit_of_work):
    with unit_of_work.reading() as uow:
        before = uow.changes.get_newest_id()
    crash(unit_of_work)
    with listen(int(serving.internal_name.split(":")[1])):
        keeper.keep()
        [moved] = keeper.deployer.list_instances()
        wait_until(lambda: is_up(moved.internal_name))
    assert moved.internal_name != serving.internal_name
    with unit_of_work.reading() as uow:
        job = uow.jobs.get(serving.job_name, serving.job_version)
        told = [(each.kind, each.subject) for each in uow.changes.list_after(before)]
        assert uow.instances.get("one").replica_internal_names == [moved.internal_name]
    assert job.replica_internal_names == [job.internal_name] == [moved.internal_name]
    assert (ChangeKind.JOB, serving.job_name) in told


def test_a_crashed_job_whose_port_is_free_comes_back_there(keeper, serving, unit_of_work):
    crash(unit_of_work)
    keeper.keep()
    wait_until(lambda: is_up(serving.internal_name))


def test_a_job_that_finds_no_port_is_told_why(keeper, serving, unit_of_work, process_config):
    crash(unit_of_work)
    port = int(serving.internal_name.split(":")[1])
    process_config.first_job_port = process_config.last_job_port = port
    with unit_of_work.reading() as uow:
        [process] = uow.processes.list_of_instance("one")
    with listen(port), pytest.raises(InstanceNotStarted, match="FIRST_JOB_PORT"):
        keeper.deployer.launch(process)
