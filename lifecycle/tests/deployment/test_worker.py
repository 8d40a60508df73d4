"""Workers: their threads on a real clock, and workers that die at any moment while others continue."""

import subprocess
import sys
import threading
import time
from datetime import timedelta

import httpx
import pytest
from lifecycle.database.connections import DatabaseUnavailable
from lifecycle.deployment.attempt.claim import LeaseOwner, is_abandoned
from lifecycle.deployment.upkeep.reaper import ReaperThread
from lifecycle.domain.deployment import LeaseLost, TaskStep
from racetrack_client.log.errors import ServiceUnavailable
from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import DeploymentStatus, JobStatus
from racetrack_commons.testing.serving import wait_until


def start(platform):
    platform.services.start()
    return platform.services


def test_a_deployment_begins_when_it_is_submitted(make_platform):
    platform = make_platform(Clock(), poll_seconds=3600)
    services = start(platform)
    try:
        deployment_id = platform.submit()
        wait_until(lambda: platform.deployment(deployment_id).status == "done")
    finally:
        services.stop()


def test_several_are_carried_on_at_once_but_no_more_than_there_are_slots(make_platform):
    platform = make_platform(Clock())
    at_once, most, lock = 0, 0, threading.Lock()
    release = threading.Event()

    def build():
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        release.wait(10)
        with lock:
            at_once -= 1

    platform.builder.interrupt = build
    services = start(platform)
    try:
        ids = [platform.submit(name=f"job-{number}") for number in range(6)]
        wait_until(lambda: most == 4)
        release.set()
        wait_until(lambda: all(platform.deployment(one).status == "done" for one in ids))
        assert most == 4
    finally:
        services.stop()


def test_a_long_step_keeps_its_lease(make_platform):
    platform = make_platform(Clock(), lease_seconds=0.3)
    release = threading.Event()
    platform.builder.interrupt = lambda: release.wait(10)
    services = start(platform)
    try:
        deployment_id = platform.submit()
        wait_until(lambda: platform.deployment(deployment_id).phase is not None)
        expiries = set()

        def is_renewed_often():
            with platform.unit_of_work.reading() as uow:
                expiries.add(uow.deployment_tasks.get(deployment_id).lease_expires_at)
            return len(expiries) > 4

        wait_until(is_renewed_often)
        release.set()
        wait_until(lambda: platform.deployment(deployment_id).status == "done")
        with platform.unit_of_work.reading() as uow:
            assert uow.deployment_tasks.get(deployment_id).attempt == 1
    finally:
        release.set()
        services.stop()


def test_the_log_of_a_build_can_be_read_while_it_runs(make_platform):
    platform = make_platform(Clock())
    release = threading.Event()
    platform.builder.interrupt = lambda: release.wait(10)
    services = start(platform)

    def find_log():
        with platform.unit_of_work.reading() as uow:
            return uow.deployments.find_build_logs("adder", "0.0.1")

    try:
        platform.submit()
        wait_until(lambda: find_log() == "Step 1\nStep 2\n")
    finally:
        release.set()
        services.stop()


def test_stopping_gives_back_what_is_at_work(make_platform):
    platform = make_platform(Clock())
    asked = threading.Event()

    def is_ready(_):
        asked.set()
        return httpx.Response(500, json={})

    platform.instances.answers["/ready"] = is_ready
    services = start(platform)
    deployment_id = platform.submit()
    asked.wait(10)

    services.stop()

    with platform.unit_of_work.reading() as uow:
        assert uow.deployment_tasks.get(deployment_id).lease_owner is None


def test_the_reaper_survives_a_database_that_is_away():
    looks = threading.Semaphore(0)

    class BrokenReaper:
        def run_once(self):
            looks.release()
            raise RuntimeError("the database is away")

    thread = ReaperThread(BrokenReaper(), poll_seconds=0.01, first_look_after_seconds=0)
    thread.start()
    try:
        assert all(looks.acquire(timeout=10) for _ in range(3))
    finally:
        thread.stop()


def test_the_reaper_leaves_gateways_time_to_learn_of_a_switch_after_its_start():
    looked_at = []
    looked = threading.Event()

    class Reaper:
        def run_once(self):
            looked_at.append(time.monotonic())
            looked.set()

    thread = ReaperThread(Reaper(), first_look_after_seconds=0.3)
    started_at = time.monotonic()
    thread.start()
    thread.wake()
    try:
        assert looked.wait(10)
        assert looked_at[0] - started_at >= 0.3
    finally:
        thread.stop()


class Killed(BaseException):
    """What a worker's thread sees of a `kill -9`: nothing runs after it."""


def kill_after(step):
    """Let the worker die once the step is done, before it does anything else."""

    class DyingStep:
        def carry_out(self, attempt):
            step.carry_out(attempt)
            raise Killed

    return DyingStep()


def run_and_die(services):
    with pytest.raises(Killed):
        services.worker.run_pending()


@pytest.mark.parametrize("step", [TaskStep.BUILD, TaskStep.PROVISION, TaskStep.SWITCH])
def test_another_worker_resumes_after_the_death_behind_each_step(platform, step):
    platform.deploy()
    before = platform.job()
    steps = platform.services.worker._runner.steps
    steps[step] = kill_after(steps[step])
    deployment_id = platform.submit()
    run_and_die(platform.services)
    survivor = platform.make_worker()

    assert survivor.worker.run_pending() == 0
    platform.clock.advance(15)
    assert survivor.worker.run_pending() == 1

    assert platform.deployment(deployment_id).status == DeploymentStatus.DONE
    assert platform.serving_id() == deployment_id
    assert platform.job().status == JobStatus.RUNNING
    assert platform.job().id == before.id
    assert set(platform.instances.running) >= {deployment_id}


def test_an_instance_started_before_the_death_is_adopted(platform):
    def die(_):
        raise Killed

    platform.instances.answers["/ready"] = die
    deployment_id = platform.submit()
    run_and_die(platform.services)
    (address,) = [one.address for one in platform.instances.running.values()]

    platform.instances.answers.clear()
    platform.clock.advance(15)
    platform.make_worker().worker.run_pending()

    assert platform.serving_id() == deployment_id
    assert platform.job().internal_name == address
    assert len(platform.builder.payloads) == 1


def test_a_first_deployment_is_starting_until_it_serves(platform):
    def die(_):
        raise Killed

    platform.instances.answers["/ready"] = die
    platform.submit()
    run_and_die(platform.services)

    assert platform.job().status == JobStatus.STARTING


def test_a_death_during_the_build_builds_again_with_the_same_tag_and_a_fresh_log(platform):
    def die():
        raise Killed

    platform.builder.interrupt = die
    deployment_id = platform.submit()
    run_and_die(platform.services)
    platform.builder.interrupt = lambda: None
    platform.clock.advance(15)
    platform.make_worker().worker.run_pending()

    first, second = platform.builder.payloads
    assert first == second
    assert platform.deployment(deployment_id).status == DeploymentStatus.DONE


def test_a_builder_that_goes_away_is_asked_again(platform):
    failures = [ServiceUnavailable("connection reset")] * 2

    def break_off():
        if failures:
            raise failures.pop()

    platform.builder.interrupt = break_off

    assert platform.deploy().status == DeploymentStatus.DONE
    assert len(platform.builder.payloads) == 3


def test_a_deployment_that_kills_its_workers_fails_in_the_end(platform):
    def die():
        raise Killed

    platform.builder.interrupt = die
    deployment_id = platform.submit()
    for _ in range(5):
        run_and_die(platform.services)
        platform.clock.advance(15)
    platform.services.worker.run_pending()

    deployment = platform.deployment(deployment_id)
    assert deployment.status == DeploymentStatus.FAILED
    assert "interrupted 5 times" in deployment.error


def test_a_worker_whose_deployment_was_taken_over_writes_no_more(platform):
    deployment_id = platform.submit()
    slow = platform.services.worker.claim()
    platform.clock.advance(15)
    platform.make_worker().worker.run_pending()
    done = platform.deployment(deployment_id)

    platform.services.worker._runner.carry_on(slow)

    assert platform.deployment(deployment_id) == done
    with pytest.raises(LeaseLost):
        slow.set_phase("building image")


def test_a_takeover_in_the_middle_of_the_wait_leaves_the_instance_to_the_other(platform):
    taken = []

    def take_over(_):
        if not taken:
            taken.append(True)
            platform.clock.advance(15)
            platform.make_worker().worker.run_pending()
        return httpx.Response(200, json={})

    platform.instances.answers["/ready"] = take_over
    deployment_id = platform.submit()
    platform.services.worker.run_pending()

    assert platform.serving_id() == deployment_id
    assert platform.instances.stopped == []
    assert platform.deployment(deployment_id).status == DeploymentStatus.DONE


def test_the_lease_of_a_dead_process_of_this_machine_can_be_claimed_at_once(platform):
    dead = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = LeaseOwner.of_this_process()
    owner = LeaseOwner(owner.host, dead.pid, owner.start_time)
    platform.submit()
    with platform.unit_of_work() as uow:
        (task,) = uow.deployment_tasks.list_open()
        uow.deployment_tasks.claim(task, str(owner), platform.clock.now() + timedelta(hours=1))
    dead.communicate(b"\n")

    assert is_abandoned(str(owner))
    assert platform.services.worker.run_pending() == 1


def test_a_living_process_and_other_machines_keep_their_lease():
    mine = LeaseOwner.of_this_process()
    assert not mine.is_surely_dead()
    assert not is_abandoned(f"another-host:{mine.pid}:1")
    assert not is_abandoned("nonsense")
    assert LeaseOwner.parse(str(mine)) == mine


def test_a_database_that_is_away_for_a_moment_fails_no_deployment(platform):
    errors = [DatabaseUnavailable("database is locked")]

    def lock():
        if errors:
            raise DatabaseUnavailable("database is locked") from errors.pop()

    platform.instances.answers["/live"] = lambda request: (
        lock() or httpx.Response(200, json={"live": True})
    )
    deployment_id = platform.submit()
    platform.services.worker.run_pending()
    assert platform.deployment(deployment_id).status == DeploymentStatus.IN_PROGRESS

    platform.clock.advance(2)
    platform.services.worker.run_pending()
    assert platform.deployment(deployment_id).status == DeploymentStatus.DONE


def test_a_stopping_worker_gives_its_deployment_back(platform):
    def stop(_):
        platform.services.worker._stopping.set()
        return httpx.Response(500, json={})

    platform.instances.answers["/ready"] = stop
    deployment_id = platform.submit()
    platform.services.worker.run_pending()
    platform.instances.answers.clear()

    platform.make_worker().worker.run_pending()
    assert platform.deployment(deployment_id).status == DeploymentStatus.DONE


def test_fresh_deployments_are_left_to_the_process_that_took_them_in(make_platform):
    platform = make_platform(leave_fresh_seconds=5)
    platform.submit()

    assert platform.services.worker.run_pending() == 0
    platform.clock.advance(5)
    assert platform.services.worker.run_pending() == 1
