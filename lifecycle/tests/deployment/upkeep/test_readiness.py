"""Waiting for jobs after a start of the platform."""

from lifecycle.deployment.upkeep.readiness import wait_for_jobs
from lifecycle.monitor.health import JobNotHealthy


def test_every_serving_instance_is_waited_for(platform):
    for name in ("one", "two"):
        platform.deploy(name=name)
    asked = []

    def probe(address, instance):
        asked.append((address, instance.id))
        if len(asked) < 5:
            raise JobNotHealthy("the job is not ready")

    assert wait_for_jobs(platform.unit_of_work, platform.clock, 60, probe) == {}
    with platform.unit_of_work.reading() as uow:
        serving = {(one.internal_name, one.id) for one in uow.instances.list_serving()}
    assert set(asked) == serving


def test_the_wait_is_bounded_and_names_the_jobs(platform):
    platform.deploy(name="slow")
    before = platform.clock.monotonic()

    def probe(address, instance):
        raise JobNotHealthy("the job is not ready")

    problems = wait_for_jobs(platform.unit_of_work, platform.clock, 30, probe)

    assert problems == {"slow 0.0.1": "the job is not ready"}
    assert 30 <= platform.clock.monotonic() - before < 31


def test_a_job_that_answers_is_waited_for_until_its_status_says_so(platform):
    platform.deploy(name="adder")
    with platform.unit_of_work() as uow:
        uow.jobs.save(platform.job().model_copy(update={"status": "starting"}))
    pauses = []

    class Clock(type(platform.clock)):
        def sleep(self, seconds):
            pauses.append(seconds)
            with platform.unit_of_work() as uow:
                uow.jobs.save(platform.job().model_copy(update={"status": "running"}))

    assert wait_for_jobs(platform.unit_of_work, Clock(), 30, lambda *_: None) == {}
    assert len(pauses) == 1


def test_a_failed_redeployment_does_not_remove_a_job_that_is_started_again(platform):
    platform.deploy()
    with platform.unit_of_work() as uow:
        uow.jobs.save(platform.job().model_copy(update={"status": "starting"}))
    platform.instances.crash_message = "boom"

    platform.deploy()

    assert platform.job() is not None
