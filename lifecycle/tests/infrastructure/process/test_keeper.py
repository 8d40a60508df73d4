import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest
from lifecycle.deployer.instances import InstanceNotStarted
from lifecycle.domain.instance import InstanceState, ProcessState
from lifecycle.infrastructure.answer_watch import FAILED_PROBES, AnswerWatch
from lifecycle.infrastructure.process.keeper import ProcessKeeper
from lifecycle.monitor import health
from lifecycle.testing.instances import an_instance, first_process_of, is_up, save_instance
from lifecycle.testing.tiny_job import TINY_JOB
from racetrack_commons.entities.dto import DeploymentDto, DeploymentStatus
from racetrack_commons.testing.serving import wait_until


@pytest.fixture
def instance(deployer, make_spec, unit_of_work):
    started = deployer.start_instance(make_spec("one"))
    save_instance(unit_of_work, an_instance())
    wait_until(lambda: is_up(started.internal_name))
    return started


def kill(pid):
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: has_ended(pid))


def has_ended(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_crashed_process_comes_back_on_its_port(keeper, instance, unit_of_work):
    kill(first_process_of(unit_of_work).pid)
    keeper.keep()
    wait_until(lambda: is_up(instance.internal_name))
    assert first_process_of(unit_of_work).restarts == 1


def test_a_log_that_can_not_be_kept_small_stops_no_restart(keeper, instance, unit_of_work):
    log = Path(first_process_of(unit_of_work).log_path)
    log.with_name(f"{log.name}.new").mkdir()
    kill(first_process_of(unit_of_work).pid)

    keeper.keep()

    assert first_process_of(unit_of_work).restarts == 1


def test_the_pause_before_a_restart_grows(keeper, instance, unit_of_work):
    kill(first_process_of(unit_of_work).pid)
    keeper.keep()
    kill(first_process_of(unit_of_work).pid)
    keeper.keep()
    assert first_process_of(unit_of_work).restarts == 1

    def is_restarted():
        keeper.keep()
        return first_process_of(unit_of_work).restarts == 2

    wait_until(is_restarted)


def test_two_keepers_restart_a_process_once(keeper, instance, unit_of_work):
    process = first_process_of(unit_of_work)
    with unit_of_work() as uow:
        assert uow.processes.claim_restart(process, datetime.now(UTC))
    with unit_of_work() as uow:
        assert not uow.processes.claim_restart(process, datetime.now(UTC))


def test_a_process_of_a_draining_or_starting_instance_is_left_alone(keeper, instance, unit_of_work):
    kill(first_process_of(unit_of_work).pid)
    for state in (InstanceState.DRAINING, InstanceState.STARTING):
        save_instance(unit_of_work, an_instance(state=state))
        keeper.keep()
    assert first_process_of(unit_of_work).restarts == 0


def test_a_process_without_a_row_is_ended_and_one_with_a_row_adopted(
    keeper, instance, unit_of_work
):
    pid = first_process_of(unit_of_work).pid
    keeper.end_unknown_processes()
    assert is_up(instance.internal_name)
    with unit_of_work() as uow:
        uow.processes.remove_of_instance("one")
    keeper.end_unknown_processes()
    wait_until(lambda: not psutil.pid_exists(pid))


@pytest.mark.parametrize("status", [DeploymentStatus.FAILED, DeploymentStatus.IN_PROGRESS])
def test_an_instance_of_a_cancelled_deployment_is_stopped(keeper, instance, unit_of_work, status):
    with unit_of_work() as uow:
        uow.instances.remove("one")
        deployment = DeploymentDto(
            id="one",
            status=status,
            create_time=1,
            update_time=1,
            manifest_yaml="",
            job_name="adder",
            job_version="0.0.1",
        )
        uow.deployments.add(deployment, datetime.now(UTC))

    keeper.end_unknown_processes()

    assert keeper.deployer.has_instance("one") == (status == DeploymentStatus.IN_PROGRESS)


def test_a_process_that_was_stopped_while_it_was_started_again_does_not_stay(
    keeper, instance, unit_of_work
):
    process = first_process_of(unit_of_work)
    with unit_of_work() as uow:
        uow.processes.mark_stopping("one")
    with pytest.raises(InstanceNotStarted):
        keeper.deployer.launch(process)
    assert first_process_of(unit_of_work).state == ProcessState.STOPPING


def test_a_process_that_has_just_been_started_is_no_stranger(
    deployer, memory_watch, instance, unit_of_work
):
    with unit_of_work() as uow:
        uow.processes.remove_of_instance("one")
    ProcessKeeper(deployer, memory_watch, AnswerWatch()).end_unknown_processes()
    assert is_up(instance.internal_name)


def test_a_job_that_can_not_be_started_does_not_keep_others_from_it(
    keeper, instance, unit_of_work, deployer
):
    kill(first_process_of(unit_of_work).pid)
    broken = first_process_of(unit_of_work)
    launch = deployer.secrets.decrypt_json(broken.launch) | {"workdir": "/nowhere"}
    with unit_of_work() as uow:
        copy = broken.model_copy(
            update={
                "id": "broken",
                "replica": 1,
                "port": 1,
                "launch": deployer.secrets.encrypt_json(launch),
                "create_time": datetime(2020, 1, 1, tzinfo=UTC),
            }
        )
        uow.processes.add(copy)
    keeper.keep()
    wait_until(lambda: is_up(instance.internal_name))


def test_the_log_of_a_process_stays_until_it_has_ended_for_good(keeper, instance, unit_of_work):
    log = Path(first_process_of(unit_of_work).log_path)
    os.utime(log, (0, 0))
    keeper.remove_old_logs()
    assert log.exists()

    keeper.deployer.stop_instance("one", grace_seconds=0)
    os.utime(log, (0, 0))
    keeper.deployer.config.job_log_retention_days = 0
    keeper.remove_old_logs()
    assert log.exists(), "for ever"
    keeper.deployer.config.job_log_retention_days = 7
    keeper.remove_old_logs()

    assert not log.exists()


@pytest.mark.parametrize("kind", ["closed", "hanging"])
def test_a_job_that_does_not_answer_any_more_is_started_again(
    keeper, instance, unit_of_work, monkeypatch, kind
):
    monkeypatch.setattr(health, "_REQUEST_TIMEOUT_SECONDS", 0.2)
    keeper.watch_answers()
    before = first_process_of(unit_of_work)
    httpx.get(f"http://{instance.internal_name}/deaf?{kind}", trust_env=False)

    for _ in range(FAILED_PROBES - 1):
        keeper.watch_answers()
    assert not has_ended(before.pid), "it may recover"
    keeper.watch_answers()

    wait_until(lambda: has_ended(before.pid))
    keeper.keep()
    wait_until(lambda: is_up(instance.internal_name))
    keeper.watch_answers()
    assert first_process_of(unit_of_work).restarts == 1
    told = "did not answer 5 probes of /live in a row: the job does not answer: "
    assert f"the job {told}" in Path(before.log_path).read_text()
    assert told in keeper.answer_watch.find_notice("one")


def test_a_job_whose_port_a_stranger_has_is_started_again_elsewhere(
    keeper, instance, unit_of_work, monkeypatch
):
    keeper.watch_answers()
    httpx.get(f"http://{instance.internal_name}/deaf?closed", trust_env=False)
    command = [sys.executable, "-c", TINY_JOB, *instance.internal_name.split(":")]
    variables = {"JOB_DEPLOYMENT_TIMESTAMP": "1"}
    with subprocess.Popen(command, env=variables) as stranger:
        wait_until(lambda: is_up(instance.internal_name))
        for _ in range(FAILED_PROBES):
            keeper.watch_answers()
        keeper.keep()
        [moved] = keeper.deployer.list_instances()
        assert moved.internal_name != instance.internal_name
        wait_until(lambda: is_up(moved.internal_name))
        stranger.kill()


def test_a_job_that_has_never_answered_may_still_start(keeper, deployer, make_spec, unit_of_work):
    deployer.start_instance(make_spec("one", "import time\ntime.sleep(600)"))
    save_instance(unit_of_work, an_instance())
    for _ in range(FAILED_PROBES + 1):
        keeper.watch_answers()
    assert not has_ended(first_process_of(unit_of_work).pid)

    deployer.config.timeout_until_job_ready = 0
    for _ in range(FAILED_PROBES):
        keeper.watch_answers()
    wait_until(lambda: has_ended(first_process_of(unit_of_work).pid))
