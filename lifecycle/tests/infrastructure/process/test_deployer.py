import socket
import threading
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import httpx
import psutil
import pytest
from lifecycle.database.tables.deployment import JobProcessRow
from lifecycle.deployer.instances import InstanceNotStarted, JobCrashed
from lifecycle.deployer.secrets import JobSecrets
from lifecycle.infrastructure.process.deployer import ProcessDeployer
from lifecycle.testing.deployer_contract import (
    DeployerHarness,
    InstanceDeployerContract,
    a_contract_manifest,
)
from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.testing.serving import wait_until

PARENT = """
import subprocess, sys, time
code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", code])
time.sleep(0.3)
print("child", child.pid, flush=True)
time.sleep(600)
"""


class ProcessHarness(DeployerHarness):
    def __init__(self, deployer, make_spec):
        self.deployer = deployer
        self.make_spec = make_spec

    def a_spec(self, manifest, **values):
        return self.make_spec(str(uuid4()), manifest=manifest, **values)

    def a_broken_spec(self, manifest):
        return self.a_spec(manifest, runtime_env={"END_WITH": "3"})

    def find_timestamp(self, address):
        variables = answers(address)
        return int(variables["JOB_DEPLOYMENT_TIMESTAMP"]) if variables else None


class TestProcessDeployer(InstanceDeployerContract):
    @pytest.fixture
    def harness(self, deployer, make_spec):
        return ProcessHarness(deployer, make_spec)


def answers(name: str) -> dict[str, str] | None:
    try:
        return httpx.get(f"http://{name}/environment", trust_env=False).json()
    except httpx.TransportError:
        return None


def pid_of(unit_of_work, instance_id):
    with unit_of_work.reading() as uow:
        return uow.processes.list_of_instance(instance_id)[0].pid


def test_a_job_runs_with_its_variables_and_nothing_of_the_services(
    deployer, make_spec, monkeypatch
):
    monkeypatch.setenv("AUTH_KEY", "secret of the platform")
    spec = make_spec(
        "one",
        runtime_env={"COLOUR": "blue"},
        secret_runtime_env={"PASSWORD": "tulip"},
        family_token="t",
    )
    instance = deployer.start_instance(spec)
    wait_until(lambda: answers(instance.internal_name))
    seen = answers(instance.internal_name) or {}
    assert (seen["COLOUR"], seen["PASSWORD"], seen["AUTH_TOKEN"]) == ("blue", "tulip", "t")
    assert (seen["JOB_NAME"], seen["JOB_VERSION"]) == (instance.job_name, instance.job_version)
    assert seen["JOB_DEPLOYMENT_TIMESTAMP"] == str(spec.deployment_timestamp)
    assert "AUTH_KEY" not in seen


def test_starting_twice_adopts_the_process_that_runs(deployer, make_spec, unit_of_work):
    spec = make_spec("one")
    first = deployer.start_instance(spec)
    pid = pid_of(unit_of_work, "one")
    assert deployer.start_instance(spec) == first
    assert pid_of(unit_of_work, "one") == pid


def test_a_port_that_another_program_took_is_left_out(deployer, make_spec, process_config):
    with closing(socket.create_server(("127.0.0.1", process_config.first_job_port))):
        instance = deployer.start_instance(make_spec("one"))
    assert instance.internal_name != f"127.0.0.1:{process_config.first_job_port}"


def test_a_port_that_another_program_holds_is_noticed(deployer, make_spec, process_config):
    instance = deployer.start_instance(make_spec("one"))
    wait_until(lambda: answers(instance.internal_name))
    assert not deployer.has_lost_address("one")

    psutil.Process(pid_of(deployer.uow, "one")).kill()
    wait_until(lambda: answers(instance.internal_name) is None)
    assert not deployer.has_lost_address("one"), "a free port is not lost"
    with closing(socket.create_server(("127.0.0.1", int(instance.internal_name.split(":")[1])))):
        assert deployer.has_lost_address("one")


def test_a_crashed_process_stays_crashed_for_its_deployment(deployer, make_spec, unit_of_work):
    spec = make_spec("one")
    deployer.start_instance(spec)
    pid = pid_of(unit_of_work, "one")
    psutil.Process(pid).kill()
    wait_until(lambda: not psutil.pid_exists(pid))
    deployer.start_instance(spec)

    with pytest.raises(JobCrashed):
        deployer.check_instance("one")

    with unit_of_work() as uow:
        (process,) = uow.processes.list_of_instance("one")
        assert uow.processes.claim_restart(process, process.create_time)
    deployer.launch(process)
    with pytest.raises(JobCrashed):
        deployer.check_instance("one")


def test_shared_memory_of_its_own_is_a_wish_that_a_process_can_not_have(deployer):
    assert deployer.list_unmet_wishes(a_contract_manifest(resources={"memory_max": "1Gi"})) == []

    (warning,) = deployer.list_unmet_wishes(a_contract_manifest(resources={"shm_size": "1Gi"}))

    assert "resources.shm_size has no effect" in warning
    assert "MiB free" in warning


def test_nodes_of_a_cluster_are_a_wish_that_a_process_can_not_have(deployer):
    wished = {"gpu": 1, "node_selector": {"pool": "gpu"}, "tolerations": ["spot:NoExecute"]}

    warnings = deployer.list_unmet_wishes(a_contract_manifest(resources=wished))

    assert [each.split()[0] for each in warnings] == [f"resources.{key}" for key in wished]
    assert all("no effect on the target process" in each for each in warnings)


def test_stopping_ends_the_process_and_frees_its_port(deployer, make_spec, unit_of_work):
    instance = deployer.start_instance(make_spec("one"))
    wait_until(lambda: answers(instance.internal_name))
    pid = pid_of(unit_of_work, "one")
    deployer.stop_instance("one", grace_seconds=5)
    deployer.stop_instance("one", grace_seconds=5)
    assert not psutil.pid_exists(pid)
    assert not deployer.has_instance("one")


def test_the_log_tells_no_end_of_a_process_that_another_service_stops(
    deployer, make_spec, unit_of_work, process_config
):
    deployer.start_instance(make_spec("one"))
    with unit_of_work.reading() as uow:
        [process] = uow.processes.list_of_instance("one")
    [waiting] = [each for each in threading.enumerate() if each.name == f"wait-{process.pid}"]
    other = ProcessDeployer(
        process_config, unit_of_work, deployer.secrets, deployer.clock, deployer.groups
    )

    other.stop_instance("one", grace_seconds=0)

    waiting.join()
    assert "process ended" not in Path(process.log_path).read_text()


def test_a_process_that_ignores_sigterm_is_killed(deployer, make_spec, unit_of_work):
    code = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(600)\n"
    deployer.start_instance(make_spec("one", code))
    pid = pid_of(unit_of_work, "one")
    deployer.stop_instance("one", grace_seconds=0.3)
    wait_until(lambda: not psutil.pid_exists(pid))


def test_a_process_that_ignores_sigterm_has_not_ended(deployer, make_spec):
    instance = deployer.start_instance(make_spec("one", runtime_env={"DEAF": "1"}))
    wait_until(lambda: answers(instance.internal_name))

    deployer.ask_to_end("one")

    assert not deployer.has_ended("one")
    assert answers(instance.internal_name)


def test_variables_of_the_platform_are_not_the_users(deployer, make_spec):
    with pytest.raises(InstanceNotStarted, match="AUTH_TOKEN, JOB_NAME"):
        deployer.start_instance(make_spec("one", runtime_env={"JOB_NAME": "x", "AUTH_TOKEN": "y"}))
    assert not deployer.has_instance("one")


def test_secrets_are_kept_encrypted(deployer, unit_of_work):
    with pytest.raises(EntityNotFound):
        deployer.get_job_secrets("adder", "0.0.1")
    secrets = JobSecrets(None, {"A": "tulip"}, {"B": "rose"})
    deployer.save_job_secrets("adder", "0.0.1", secrets)
    assert deployer.get_job_secrets("adder", "0.0.1") == secrets
    with unit_of_work.reading() as uow:
        assert b"tulip" not in (uow.job_secrets.find("adder", "0.0.1") or b"")


def test_children_that_outlive_their_parent_are_killed_too(deployer, make_spec, unit_of_work):
    deployer.start_instance(make_spec("one", PARENT))
    with unit_of_work.reading() as uow:
        [process] = uow.processes.list_of_instance("one")
    log = Path(process.log_path)
    wait_until(lambda: log.read_text().startswith("child ") and log.read_text().endswith("\n"))
    child = int(log.read_text().split()[1])
    deployer.stop_instance("one", grace_seconds=2)
    wait_until(
        lambda: (
            not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
        )
    )


def test_a_process_without_a_stored_pid_is_adopted(deployer, make_spec, unit_of_work):
    spec = make_spec("one")
    deployer.start_instance(spec)
    pid = pid_of(unit_of_work, "one")
    with unit_of_work() as uow:
        row = uow.session.get(JobProcessRow, uow.processes.list_of_instance("one")[0].id)
        row.pid = row.pid_create_time = None
    deployer.start_instance(spec)
    assert pid_of(unit_of_work, "one") == pid
