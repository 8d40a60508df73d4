import os
import signal
import subprocess
import sys

import pytest
import yaml


def test_the_remote_is_told_with_its_url(racetrack):
    racetrack("set", "alias", "home", "http://localhost:7202")

    assert (
        "home, which is http://localhost:7202/lifecycle"
        in racetrack("set", "remote", "home").stderr
    )


@pytest.mark.parametrize(
    "arguments",
    [("remote", ""), ("remote", "ftp://host"), ("alias", "", "http://host"), ("alias", "work", "")],
)
def test_settings_that_could_never_work_are_refused(racetrack, arguments):
    done = racetrack("set", *arguments)

    assert done.returncode == 70
    assert not racetrack.config_path.exists()


def test_a_remote_is_asked_for_before_it_is_set_when_wanted(racetrack, lifecycle):
    refused = racetrack("set", "remote", f"{lifecycle.root}/nowhere", "--check")

    assert refused.returncode == 70
    assert "no Lifecycle answers" in refused.stderr
    assert not racetrack.config_path.exists()
    assert racetrack("set", "remote", lifecycle.root, "--check").returncode == 0


def test_a_remote_that_can_not_work_is_replaced(racetrack):
    racetrack.config_path.parent.mkdir()
    racetrack.config_path.write_text("lifecycle_url: 'ftp://host'\n")

    assert "'ftp://host' is neither an alias nor a URL" in racetrack("list").stderr
    assert racetrack("set", "remote", "http://host").returncode == 0


def test_settings_that_others_may_read_are_warned_of_until_they_are_private(racetrack):
    racetrack.config_path.parent.mkdir()
    racetrack.config_path.write_text("lifecycle_url: http://host\n")
    racetrack.config_path.chmod(0o644)

    done = racetrack("get", "remote")

    assert done.stdout == "http://host/lifecycle\n"
    assert f"chmod 600 {racetrack.config_path}" in done.stderr
    racetrack.config_path.chmod(0o600)
    assert "chmod" not in racetrack("get", "remote").stderr


def test_the_home_directory_may_be_written_with_a_tilde(racetrack):
    racetrack("set", "remote", "http://host", RACETRACK_CONFIG="~/mine.yaml")

    assert yaml.safe_load((racetrack.home / "mine.yaml").read_text())["lifecycle_url"] == (
        "http://host"
    )


def test_a_password_comes_from_standard_input_where_there_is_no_terminal(
    racetrack, lifecycle, answer
):
    lifecycle.on("POST users/login", answer({"token": "fresh"}))

    done = racetrack("login", "--username", "anna", "--remote", lifecycle.url, stdin="pass word\n")

    assert done.returncode == 0, done.stderr
    assert lifecycle.received[-1].json() == {"username": "anna", "password": "pass word"}
    assert "fresh" not in done.stderr
    without = racetrack("login", "--username", "anna", "--remote", lifecycle.url)
    assert without.returncode == 70
    assert "no password was given" in without.stderr


def test_ctrl_c_instead_of_a_password_ends_with_130(racetrack, lifecycle):
    terminal, end = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "racetrack_client", "login", "--username", "anna"],
        env={**racetrack.variables, "RACETRACK_REMOTE": lifecycle.url},
        stdin=end,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr
    assert process.stderr.read(len("Password:")) == "Password:"

    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=20)
    os.close(terminal)
    os.close(end)

    assert process.returncode == 130
    assert "Traceback" not in err
