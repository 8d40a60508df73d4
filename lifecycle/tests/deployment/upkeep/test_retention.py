from datetime import timedelta

import pytest
from lifecycle.audit import AuditEvent, write_event
from lifecycle.deployment.upkeep import retention as module
from lifecycle.deployment.upkeep.retention import (
    Retention,
    end_leftovers,
    forget_old_deployments,
    forget_old_rows,
)
from lifecycle.domain.auth import TokenText
from racetrack_commons.entities.audit import AuditEventType
from racetrack_commons.entities.dto import DeploymentDto, DeploymentStatus, JobStatus
from racetrack_commons.testing.builders import a_deployment, a_job, a_manifest_yaml

A_MONTH = timedelta(days=30)
LATER_SECONDS = 31 * 24 * 3600


@pytest.fixture
def forget(platform):
    """Does what the Supervisor does; by default only what serves can be gone back to."""

    def run(restorable=1, deployments=A_MONTH, **others):
        retention = Retention(restorable, timedelta(hours=4), deployments, **others)
        with platform.unit_of_work() as uow:
            forget_old_rows(uow, platform.clock.now(), retention)
        counts = []
        while not counts or counts[-1]:
            with platform.unit_of_work() as uow:
                counts.append(forget_old_deployments(uow, platform.clock.now(), retention))
        return sum(counts)

    return run


@pytest.fixture
def wait_a_month(platform):
    def wait():
        platform.clock.advance(LATER_SECONDS)
        platform.services.reaper.run_once()

    return wait


def list_ids(platform):
    with platform.unit_of_work.reading() as uow:
        return [deployment.id for deployment in uow.deployments.list_newest(0)]


def reprovision(platform):
    jobs = platform.services.existing_jobs
    deployment_id = jobs.reprovision(platform.job(), platform.deployer)
    platform.services.worker.run_pending()
    platform.clock.advance(1)
    return deployment_id


def test_old_deployments_go_and_what_serves_stays(platform, forget, wait_a_month):
    deployed = [platform.deploy() for _ in range(4)]
    wait_a_month()

    assert forget() == 3

    assert list_ids(platform) == [deployed[-1].id]
    with platform.unit_of_work.reading() as uow:
        assert uow.deployment_tasks.find(deployed[0].id) is None
        assert uow.deployments.get_build_logs(deployed[-1].id) == "Step 1\nStep 2"


def test_young_deployments_stay(platform, forget):
    for _ in range(3):
        platform.deploy()
    assert forget() == 0


def test_they_stay_for_ever_when_that_is_wanted(platform, forget, wait_a_month):
    platform.deploy()
    platform.deploy()
    wait_a_month()
    assert forget(deployments=None) == 0


def test_of_very_many_the_newest_stay_however_young(platform, forget):
    deployed = [platform.deploy() for _ in range(5)]
    other = platform.deploy(name="other")
    platform.clock.advance(60)
    platform.services.reaper.run_once()

    assert forget(deployments=None, deployments_per_job=2) == 3

    assert list_ids(platform) == [other.id, deployed[4].id, deployed[3].id]
    forget(restorable=0, deployments_per_job=1)
    assert list_ids(platform) == [other.id, deployed[4].id]


def test_what_can_be_rolled_back_to_stays(platform, forget, wait_a_month):
    deployed = [platform.deploy() for _ in range(4)]
    wait_a_month()

    assert forget(restorable=3) == 1

    assert list_ids(platform) == [each.id for each in reversed(deployed[1:])]


def test_rollbacks_and_restarts_take_no_place_of_what_can_be_rolled_back_to(
    platform, forget, wait_a_month
):
    first = platform.deploy(runtime_env={"A": "1"})
    second = platform.deploy(runtime_env={"A": "2"})
    for _ in range(3):
        with platform.unit_of_work() as uow:
            uow.jobs.save(platform.job().model_copy(update={"status": "lost"}))
        platform.services.existing_jobs.reconcile()
        platform.services.worker.run_pending()
        platform.clock.advance(1)
    started = platform.services.rollback.roll_back(platform.job(), platform.deployer)
    platform.services.worker.run_pending()
    wait_a_month()

    assert forget(restorable=2) == 3

    assert list_ids(platform) == [started.deployment_id, second.id, first.id]
    with platform.unit_of_work.reading() as uow:
        restorable = uow.deployment_tasks.list_restorable("adder", "0.0.1")
    assert [task.deployment_id for task in restorable] == list_ids(platform)


def test_a_job_keeps_what_it_was_built_from(platform, forget, wait_a_month):
    platform.deploy()
    again, last = reprovision(platform), reprovision(platform)
    platform.builder.error = "boom"
    failed = platform.deploy()
    platform.builder.error = None
    wait_a_month()

    assert forget(restorable=0) == 2

    assert again not in list_ids(platform)
    assert list_ids(platform) == [failed.id, last]
    platform.services.existing_jobs.redeploy(platform.job(), platform.deployer)
    platform.services.worker.run_pending()
    assert platform.builder.payloads[-1].build_context is not None


def test_of_a_deleted_job_nothing_stays(platform, forget, wait_a_month):
    platform.deploy()
    other = platform.deploy(name="other")
    platform.services.deleter.delete(platform.job(), platform.deployer)
    wait_a_month()

    assert forget() == 1
    assert list_ids(platform) == [other.id]


def test_what_waits_or_is_at_work_stays(platform, forget, wait_a_month):
    waiting = platform.submit()
    wait_a_month()

    assert forget() == 0
    platform.services.worker.run_pending()
    assert platform.deployment(waiting).status == "done"


def test_a_rollback_of_this_moment_finds_all_that_it_needs(platform, forget, wait_a_month):
    platform.deploy(runtime_env={"A": "1"})
    platform.deploy(runtime_env={"A": "2"})
    wait_a_month()
    started = platform.services.rollback.roll_back(platform.job(), platform.deployer)

    forget(restorable=0)
    platform.services.worker.run_pending()

    assert platform.deployment(started.deployment_id).error is None
    assert platform.job().manifest.runtime_env == {"A": "1"}


def test_deployments_of_older_servers_go_too_but_for_the_newest_of_a_job(
    platform, forget, wait_a_month
):
    platform.deploy()
    with platform.unit_of_work() as uow:
        for name in ("adder", "gone"):
            uow.deployments.add(a_deployment(f"old-{name}", job_name=name), platform.clock.now())
        uow.deployments.add(a_deployment("new", job_name="gone"), platform.clock.now())
    wait_a_month()
    assert forget() == 2
    assert "old-adder" in list_ids(platform), "it is the newest of its job"


def test_many_are_forgotten_in_small_steps(platform, monkeypatch, wait_a_month):
    for _ in range(5):
        platform.deploy()
    wait_a_month()
    monkeypatch.setattr(module, "DEPLOYMENTS_AT_ONCE", 2)
    retention = Retention(0, timedelta(), A_MONTH)
    with platform.unit_of_work() as uow:
        forget_old_rows(uow, platform.clock.now(), retention)
    with platform.unit_of_work() as uow:
        assert forget_old_deployments(uow, platform.clock.now(), retention) == 2

    def end_half_way():
        with platform.unit_of_work() as uow:
            forget_old_deployments(uow, platform.clock.now(), retention)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        end_half_way()
    assert len(list_ids(platform)) == 3


def test_sessions_that_have_ended_are_forgotten(platform, forget):
    now = platform.clock.now()
    with platform.unit_of_work() as uow:
        family = uow.families.get_or_add("adder")
        subject = uow.auth_subjects.get_or_add_of_family(family.id)
        token = uow.auth_tokens.add(subject.id, TokenText(text="a token"))
        ends = [now + timedelta(seconds=seconds) for seconds in (10, 11)]
        ended, open_one = (uow.browser_sessions.add(token.id, now, end).id for end in ends)
    platform.clock.advance(10)

    forget()

    with platform.unit_of_work.reading() as uow:
        assert uow.browser_sessions.find(ended) is None
        assert uow.browser_sessions.find(open_one)


def test_audit_events_stay_unless_a_setting_says_otherwise(platform, forget):
    with platform.unit_of_work() as uow:
        write_event(
            uow, AuditEvent(AuditEventType.JOB_DELETED, executor="admin"), platform.clock.now()
        )
    platform.clock.advance(LATER_SECONDS)
    with platform.unit_of_work() as uow:
        write_event(
            uow, AuditEvent(AuditEventType.JOB_MOVED, executor="admin"), platform.clock.now()
        )

    forget()
    assert platform.audit_events() == ["job_deleted", "job_moved"]

    forget(audit_events=A_MONTH)
    assert platform.audit_events() == ["job_moved"]


def test_the_settings_say_how_long(config):
    config = config.model_copy(update={"login_attempts_minutes": 3 * 24 * 60})
    retention = Retention.of_config(config)
    assert (retention.deployments, retention.deployments_per_job) == (timedelta(days=90), 200)
    assert retention.audit_events is None
    assert retention.login_attempts == timedelta(days=3), "as long as they count"


def leave_deployment(platform, name, age=timedelta(hours=2)):
    """A deployment as servers before 3.0 left it: no worker knows of it."""
    moment = platform.clock.now() - age
    deployment = DeploymentDto(
        id=f"deployment of {name}",
        status=DeploymentStatus.IN_PROGRESS,
        create_time=moment,
        update_time=moment,
        manifest_yaml=a_manifest_yaml(name),
        job_name=name,
        job_version="0.0.1",
    )
    with platform.unit_of_work() as uow:
        uow.deployments.add(deployment, moment)
    return deployment.id


def end(platform):
    with platform.unit_of_work() as uow:
        end_leftovers(uow, platform.clock.now())


def test_a_deployment_that_no_worker_knows_of_fails_after_an_hour(platform):
    old = leave_deployment(platform, "old")
    young = leave_deployment(platform, "young", timedelta(minutes=50))
    known = platform.submit()
    platform.clock.advance(7200)

    end(platform)

    assert platform.deployment(old).status == DeploymentStatus.FAILED
    assert "interrupted by a restart" in platform.deployment(old).error
    assert platform.deployment(known).status == DeploymentStatus.IN_PROGRESS
    assert platform.deployment(young).status == DeploymentStatus.FAILED


def test_a_deployment_of_the_last_hour_is_left_alone(platform):
    young = leave_deployment(platform, "young", timedelta(minutes=50))

    end(platform)

    assert platform.deployment(young).status == DeploymentStatus.IN_PROGRESS


def test_a_job_that_nobody_starts_is_lost_until_a_sync_finds_it(platform):
    with platform.unit_of_work() as uow:
        uow.jobs.save(a_job("stuck", status=JobStatus.STARTING, internal_name=None))
        uow.jobs.save(a_job("starting", status=JobStatus.STARTING, internal_name=None))
        uow.jobs.save(a_job("running"))
    leave_deployment(platform, "starting", timedelta(minutes=1))

    end(platform)

    statuses = {name: platform.job(name=name).status for name in ("stuck", "starting", "running")}
    assert statuses == {"stuck": "lost", "starting": "starting", "running": "running"}


def test_bundles_are_kept_as_long_as_a_job_needs_them(platform):
    platform.deploy()
    with platform.unit_of_work() as uow:
        uow.bundles.add("unused", b"x", platform.clock.now())
        digest = uow.bundles.find_digest_of_job(platform.job().image_tag, "adder", "0.0.1")
    platform.clock.advance(7200)

    with platform.unit_of_work() as uow:
        forget_old_rows(uow, platform.clock.now(), Retention(5, async_calls=timedelta(hours=4)))
        assert uow.bundles.find("unused") is None
        assert uow.bundles.find(digest) is not None


def test_bundles_of_deleted_jobs_are_forgotten(platform):
    platform.deploy()
    with platform.unit_of_work.reading() as uow:
        digest = uow.bundles.find_digest_of_job(platform.job().image_tag, "adder", "0.0.1")
    platform.services.deleter.delete(platform.job(), platform.deployer)
    platform.clock.advance(7200)

    with platform.unit_of_work() as uow:
        forget_old_rows(uow, platform.clock.now(), Retention(5, async_calls=timedelta(hours=4)))
        assert uow.bundles.find(digest) is None


def test_accounts_that_never_became_active_are_forgotten(platform):
    now = platform.clock.now()
    with platform.unit_of_work() as uow:
        for name in ("unused", "active", "was-here"):
            user = uow.users.add(name, "hash", now)
            uow.permissions.grant(uow.auth_subjects.get_or_add_of_user(user.id).id, "read_job")
        uow.users.set_active("active", active=True)
        uow.users.note_login("was-here", now)
        uow.users.add("fresh", "hash", now + timedelta(days=2))
    retention = Retention(5, timedelta(hours=4), unused_accounts=timedelta(days=2))

    with platform.unit_of_work() as uow:
        forget_old_rows(uow, now + timedelta(days=3), retention)
        left = {user.username for user in uow.users.list_all()}

    assert left >= {"active", "was-here", "fresh"}
    assert "unused" not in left
