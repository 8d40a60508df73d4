from datetime import timedelta

from lifecycle.deployment.leftovers import end_leftovers
from lifecycle.testing.builders import a_job, a_manifest_yaml
from racetrack_commons.entities.dto import DeploymentDto, DeploymentStatus, JobStatus


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
        uow.jobs.save(a_job("stuck", status=JobStatus.STARTING))
        uow.jobs.save(a_job("starting", status=JobStatus.STARTING))
        uow.jobs.save(a_job("running"))
    leave_deployment(platform, "starting", timedelta(minutes=1))

    end(platform)

    statuses = {name: platform.job(name=name).status for name in ("stuck", "starting", "running")}
    assert statuses == {"stuck": "lost", "starting": "starting", "running": "running"}
