from datetime import timedelta

from lifecycle.deployment.upkeep.retention import Retention, forget_old_rows


def list_needed(platform):
    with platform.unit_of_work.reading() as uow:
        images = uow.images.list_needed()
    assert len(set(images)) == len(images)
    return {(image.job_name, image.image_tag) for image in images}


def forget(platform, restorable):
    with platform.unit_of_work() as uow:
        forget_old_rows(uow, platform.clock.now(), Retention(restorable, timedelta()))


def deploy(platform, **options):
    platform.deploy(**options)
    job = platform.job(options.get("version", "0.0.1"), options.get("name", "adder"))
    return job.name, job.image_tag


def test_images_are_needed_as_long_as_a_job_may_go_back_to_them(platform):
    images = [deploy(platform) for _ in range(4)]
    assert list_needed(platform) == set(images)

    platform.clock.advance(60)
    platform.services.reaper.run_once()
    forget(platform, restorable=2)

    assert list_needed(platform) == set(images[2:])


def test_what_runs_is_needed_though_nobody_may_go_back_to_it(platform):
    old, new = deploy(platform), deploy(platform)
    other = deploy(platform, name="other", version="2.0.0")
    forget(platform, restorable=0)
    assert list_needed(platform) == {old, new, other}, "the old instance drains"

    platform.clock.advance(60)
    platform.services.reaper.run_once()

    assert list_needed(platform) == {new, other}


def test_what_is_rolled_back_to_is_needed_from_the_moment_it_is_asked_for(platform):
    old, new = deploy(platform), deploy(platform)
    platform.services.rollback.roll_back(platform.job(), platform.deployer)
    forget(platform, restorable=0)
    platform.clock.advance(60)
    platform.services.reaper.run_once()
    assert list_needed(platform) == {old, new}

    platform.services.worker.run_pending()

    assert platform.job().image_tag == old[1]
    assert old in list_needed(platform)


def test_images_of_failed_deployments_and_deleted_jobs_are_not_needed(platform):
    deploy(platform)
    platform.builder.error = "boom"
    platform.deploy(version="0.0.2")
    platform.services.deleter.delete(platform.job(), platform.deployer)

    assert list_needed(platform) == set()
