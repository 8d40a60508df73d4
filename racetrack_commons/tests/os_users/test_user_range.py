"""Ranges of users that jobs and builds run as."""

import os
import pwd
import subprocess
import sys

import pytest
from racetrack_commons.os_users import user_range
from racetrack_commons.os_users.user_range import UserRange
from racetrack_commons.settings import SettingsError


def test_the_range_of_users_is_free_on_this_machine():
    UserRange(2_100_000_000, 2_100_059_999).check()


def test_a_range_with_a_user_of_the_machine_is_refused():
    nobody = pwd.getpwnam("nobody").pw_uid

    with pytest.raises(SettingsError, match=rf"holds user nobody \({nobody}\)"):
        UserRange(nobody - 5, nobody + 5).check()


def test_a_range_with_subordinate_users_is_refused(tmp_path, monkeypatch):
    (tmp_path / "subuid").write_text("# none\nanna:100000:65536\n")
    monkeypatch.setattr(user_range, "_SUBORDINATE_FILES", (tmp_path / "subuid",))

    with pytest.raises(SettingsError, match="subordinate users of anna"):
        UserRange(160_000, 160_010).check()
    UserRange(165_536, 165_540).check()


@pytest.mark.parametrize(("first", "last"), [(0, 10), (5000, 4000), (2**31, 2**31)])
def test_an_impossible_range_is_refused(first, last):
    with pytest.raises(SettingsError, match="choose a range from 1000 upwards"):
        UserRange(first, last).check()


def test_programs_run_as_others_where_the_platform_is_root():
    obstacle = UserRange(2_100_000_000, 2_100_000_010).find_obstacle()

    assert obstacle == (None if os.geteuid() == 0 else "the platform does not run as root")


@pytest.mark.skipif(os.geteuid() != 0, reason="the obstacle is another one for ordinary users")
def test_a_machine_that_forbids_it_is_told():
    # As in a container without privileges: root is the only user there.
    code = (
        f"from {user_range.__name__} import UserRange; print(UserRange(2000, 2001).find_obstacle())"
    )
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith("racetrack: the program can't be held to its limits: ")
