"""Cancelling a deployment: at each step, twice, and after a crash."""

import pytest
from racetrack_client.log.errors import ValidationError
from racetrack_commons.entities.audit import AuditEventType
from racetrack_commons.entities.dto import DeploymentStatus, JobStatus


@pytest.fixture
def cancel(platform):
    def cancel(deployment_id):
        deployment = platform.deployment(deployment_id)
        platform.services.canceller.cancel(deployment, platform.deployer)

    return cancel


def assert_is_free(platform, deployment_id):
    assert deployment_id not in platform.instances.running
    with platform.unit_of_work.reading() as uow:
        assert uow.instances.find(deployment_id) is None
        assert uow.deployment_tasks.list_open() == []


def test_a_deployment_that_waits_never_begins(platform, cancel):
    deployment_id = platform.submit()

    cancel(deployment_id)
    platform.services.worker.run_pending()

    cancelled = platform.deployment(deployment_id)
    assert (cancelled.status, cancelled.error) == (
        DeploymentStatus.FAILED,
        f"cancelled by {platform.deployer.name}",
    )
    assert cancelled.is_cancelled
    assert platform.builder.payloads == []
    assert platform.audit_events() == [AuditEventType.DEPLOYMENT_CANCELLED]


def test_a_build_is_stopped(platform, cancel):
    deployment_id = platform.submit()
    platform.builder.interrupt = lambda: cancel(deployment_id)

    platform.services.worker.run_pending()

    assert platform.deployment(deployment_id).error == f"cancelled by {platform.deployer.name}"
    assert platform.builder.cancelled[0] == deployment_id
    assert platform.job() is None
    assert_is_free(platform, deployment_id)


@pytest.mark.parametrize("path", ["/live", "/ready", "/api/v1/examples"])
def test_a_started_instance_is_removed_and_its_predecessor_serves_on(platform, cancel, path):
    platform.deploy()
    before = platform.job()
    deployment_id = platform.submit()

    def cancel_now(request):
        del platform.instances.answers[path]
        cancel(deployment_id)
        return platform.instances.answer(request)

    platform.instances.answers[path] = cancel_now
    platform.services.worker.run_pending()

    assert platform.deployment(deployment_id).error == f"cancelled by {platform.deployer.name}"
    assert platform.job() == before
    assert list(platform.instances.running) == [platform.serving_id()]
    assert_is_free(platform, deployment_id)


def test_an_instance_that_starts_after_the_cancellation_is_removed_too(platform, cancel):
    deployment_id = platform.submit()
    start = platform.instances.start_instance

    def start_late(spec):
        cancel(deployment_id)
        return start(spec)

    platform.instances.start_instance = start_late
    platform.services.worker.run_pending()

    assert platform.instances.stopped == [deployment_id]
    assert platform.job() is None
    assert_is_free(platform, deployment_id)


def test_it_may_be_repeated(platform, cancel):
    deployment_id = platform.submit()
    cancel(deployment_id)

    cancel(deployment_id)

    assert platform.builder.cancelled == [deployment_id, deployment_id]
    assert platform.audit_events() == [AuditEventType.DEPLOYMENT_CANCELLED]
    assert platform.deploy().status == DeploymentStatus.DONE


def test_what_serves_or_has_ended_is_not_cancelled(platform, cancel):
    done = platform.deploy()
    with pytest.raises(ValidationError, match=r"has ended \(done\)"):
        cancel(done.id)

    platform.instances.crash_message = "boom"
    failed = platform.deploy()
    with pytest.raises(ValidationError, match=r"has ended \(failed\)"):
        cancel(failed.id)

    platform.instances.crash_message = None
    refusals = []

    def on_hook(hook):
        if hook == "post_job_deploy":
            with pytest.raises(ValidationError) as caught:
                cancel(platform.serving_id())
            refusals.append(str(caught.value))

    platform.plugins.on_hook = on_hook
    assert platform.deploy().status == DeploymentStatus.DONE
    assert "serves already: `racetrack rollback adder`" in refusals[0]
    assert platform.job().status == JobStatus.RUNNING


def test_a_deployment_that_another_worker_took_over_is_left_to_it(platform):
    deployment_id = platform.submit()

    def take_over():
        platform.builder.interrupt = lambda: None
        platform.clock.advance(100)
        platform.make_worker().worker.run_pending()

    platform.builder.interrupt = take_over
    platform.services.worker.run_pending()

    assert platform.deployment(deployment_id).status == DeploymentStatus.DONE
    assert list(platform.instances.running) == [deployment_id]
    assert platform.builder.cancelled == []
