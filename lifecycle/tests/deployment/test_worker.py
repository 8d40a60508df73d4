"""The worker's threads, on a real clock."""

import threading

import httpx
from lifecycle.deployment.reaper_thread import ReaperThread
from racetrack_commons.clock import Clock
from racetrack_commons.testing.waiting import wait_until


def start(platform):
    services = platform.services
    for part in (services.worker, services.submitter, services.reaper):
        name = "clock" if hasattr(part, "clock") else "_clock"
        object.__setattr__(part, name, Clock())
    services.start()
    return services


def test_a_deployment_begins_when_it_is_submitted(platform):
    services = start(platform)
    object.__setattr__(services.worker._settings, "poll_seconds", 3600)
    try:
        deployment_id = platform.submit()
        wait_until(lambda: platform.deployment(deployment_id).status == "done")
    finally:
        services.stop()


def test_several_are_carried_on_at_once_but_no_more_than_there_are_slots(platform):
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


def test_a_long_step_keeps_its_lease(platform):
    object.__setattr__(platform.services.worker._settings, "lease_seconds", 0.3)
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


def test_the_log_of_a_build_can_be_read_while_it_runs(platform):
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


def test_stopping_gives_back_what_is_at_work(platform):
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

    thread = ReaperThread(BrokenReaper(), poll_seconds=0.01)
    thread.start()
    try:
        assert all(looks.acquire(timeout=10) for _ in range(3))
    finally:
        thread.stop()
