"""Users of job families: their numbers, homes, and what they may read."""

import os
import stat
import sys

import pytest
from lifecycle.deployer.instances import InstanceNotStarted
from lifecycle.infrastructure.process.job_users import JobUsers
from lifecycle.infrastructure.process.plan import Launch
from racetrack_commons.os_users.user_range import UserRange

as_root = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root may run jobs as other users"
)


@pytest.fixture
def users(process_config, unit_of_work):
    return JobUsers(process_config, unit_of_work)


def make_launch(workdir, python):
    return Launch(command=[str(python), "-m", "job"], workdir=str(workdir), environment={})


def get_access(path):
    found = path.stat()
    return stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid


@as_root
def test_each_family_has_one_user_with_a_home_of_its_own(users, process_config, unit_of_work):
    adder, primer = users.get("adder"), users.get("primer")

    assert adder.id != primer.id
    again = JobUsers(process_config, unit_of_work)
    assert again.get("adder") == adder
    for user in (adder, primer):
        assert get_access(user.home) == (0o700, user.id, user.id)
        assert get_access(user.home / "tmp") == (0o700, user.id, user.id)
    assert get_access(process_config.job_homes_dir)[0] == 0o711


@as_root
def test_two_families_never_share_a_user_though_the_range_is_small(process_config, unit_of_work):
    first = process_config.first_job_user
    users = JobUsers(process_config.model_copy(update={"last_job_user": first + 2}), unit_of_work)

    assert {users.get(name).id for name in ("a", "b", "c")} == {first, first + 1, first + 2}
    with pytest.raises(InstanceNotStarted, match="widen the range from FIRST_JOB_USER"):
        users.get("d")


@as_root
def test_the_image_and_the_environment_are_opened_to_the_family_alone(users, process_config):
    images, environments = process_config.images_dir, process_config.environments_dir
    workdir = images / "adder/tag/source"
    workdir.mkdir(parents=True)
    python = environments / "digest/bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (environments / "digest").chmod(0o700)
    user, other = users.get("adder"), users.get("primer")

    reach = users.open_files(user, make_launch(workdir, python))

    assert {workdir, user.home, environments / "digest"} <= set(reach)
    assert get_access(images / "adder") == (0o750, 0, user.id)
    assert get_access(environments / "digest") == (0o750, 0, user.id)
    assert {get_access(each)[0] for each in (images, environments)} == {0o711}

    # Another family with the same requirements may not take it away.
    users.open_files(other, make_launch(workdir, python))
    assert get_access(environments / "digest") == (0o755, 0, user.id)


@as_root
def test_what_jobs_of_earlier_versions_wrote_as_root_can_be_read(users, process_config):
    workdir = process_config.images_dir / "adder/tag/source"
    written = workdir / "__pycache__/adder.pyc"
    written.parent.mkdir(parents=True)
    written.touch()
    written.chmod(0o600)
    written.parent.chmod(0o700)

    users.open_files(users.get("adder"), make_launch(workdir, "/python"))

    assert (get_access(written.parent)[0], get_access(written)[0]) == (0o755, 0o644)


@as_root
def test_homes_of_deleted_jobs_are_removed(users, process_config):
    users.get("gone")

    assert len(users.remove_homes()) == 1
    assert list(process_config.job_homes_dir.iterdir()) == []


def test_a_platform_that_can_not_separate_jobs_says_whom_it_trusts(
    process_config, unit_of_work, caplog
):
    with caplog.at_level("INFO"):
        users = JobUsers(process_config.model_copy(update={"job_users": False}), unit_of_work)

    assert users.get("adder") is None
    assert [each.message for each in caplog.records] == [
        "jobs run as the platform's own user (JOB_USERS is false):"
        " everyone who may deploy is as trusted as the platform"
    ]


def test_an_author_may_choose_another_home():
    own = {"HOME": "/home/of-the-author"}
    launch = make_launch("/", "/python").model_copy(update={"environment": own})

    moved = launch.move_home({"HOME": "/homes/1", "TMPDIR": "/homes/1/tmp"})

    assert moved.environment == {"HOME": "/home/of-the-author", "TMPDIR": "/homes/1/tmp"}


def test_the_ranges_of_jobs_and_builds_do_not_meet(process_config):
    jobs = UserRange(process_config.first_job_user, process_config.last_job_user)

    assert 2_100_060_000 not in jobs.numbers
