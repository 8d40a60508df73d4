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
    [log_in] = lifecycle.requests_to("users/login")
    assert log_in.json() == {"username": "anna", "password": "pass word"}
    assert "fresh" not in done.stderr
    without = racetrack("login", "--username", "anna", "--remote", lifecycle.url)
    assert without.returncode == 70
    assert "no password was given" in without.stderr


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (
            [],
            "you may do nothing yet: an admin grants it, such as by `racetrack auth allow anna JOB`",
        ),
        (
            [{"description": "call_job on job family adder"}],
            "you may: call_job on job family adder (`racetrack auth permissions` lists all)",
        ),
    ],
)
def test_a_user_is_told_at_log_in_what_the_user_may_do(
    racetrack, lifecycle, answer, held, expected
):
    lifecycle.on("POST users/login", answer({"token": "fresh"}))
    lifecycle.on("GET auth/permissions", answer(held))

    done = racetrack("login", "--username", "anna", "--remote", lifecycle.url, stdin="pass word\n")

    assert done.stderr.splitlines()[-1] == expected
    assert lifecycle.received[-1].headers["X-Racetrack-Auth"] == "fresh"


def test_lifecycle_says_why_a_log_in_is_refused(racetrack, lifecycle, answer):
    inactive = "wrong username or password, or the user is not active: ask an admin"
    lifecycle.on("POST users/login", answer({"error": inactive}, 401))

    done = racetrack("login", "--username", "anna", "--remote", lifecycle.url, stdin="pass word\n")

    assert inactive in done.stderr


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


PAGE = b"<html>Welcome</html>"


@pytest.mark.parametrize(
    ("body", "status", "content_type"),
    [({"detail": "Not Found"}, 404, "application/json"), (PAGE, 200, "text/html"), ([], 200, "application/json")],
)  # fmt: skip
def test_another_server_that_answers_is_not_taken_for_lifecycle(
    racetrack, lifecycle, answer, body, status, content_type
):
    lifecycle.on("GET info", answer(body, status, content_type))

    for command in ("list", "get pub"):
        done = racetrack(*command.split(), RACETRACK_REMOTE=lifecycle.url)

        assert done.returncode == 70
        assert f"no Lifecycle answers at {lifecycle.url}" in done.stderr
        assert "Is the remote right?" in done.stderr


def test_a_page_is_no_empty_list(logged_in, lifecycle, answer):
    lifecycle.on("GET job", answer(PAGE, 200, "text/html"))

    done = logged_in("list")

    assert done.returncode == 70
    assert "is answered, but not by Lifecycle" in done.stderr


def test_a_lifecycle_that_fails_is_still_one(racetrack, lifecycle, answer):
    lifecycle.on("GET info", answer({"error": "starting"}, 503))

    done = racetrack("get", "pub", RACETRACK_REMOTE=lifecycle.url)

    assert "Service Unavailable: starting" in done.stderr
    assert "no Lifecycle" not in done.stderr


def test_spaces_around_a_token_do_no_harm(logged_in, lifecycle, answer):
    lifecycle.on("GET job", answer([]))

    assert logged_in("list", RACETRACK_AUTH_TOKEN=" the-token\r\n").returncode == 0
    assert lifecycle.received[-1].headers["X-Racetrack-Auth"] == "the-token"


@pytest.mark.parametrize("token", ["hun\nter2", "hünter2", "hun\x01ter2"])
def test_a_broken_token_is_not_shown(logged_in, token):
    for done in (logged_in("list", RACETRACK_AUTH_TOKEN=token), logged_in("login", token)):
        assert done.returncode == 70
        assert "the token holds characters that no token has" in done.stderr
        assert "ter2" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("logs", ""), ("logs", "adder", "--version", ""), ("delete", "", "--version", "1")],
)
def test_a_job_without_a_name_or_version_is_refused(logged_in, lifecycle, arguments):
    done = logged_in(*arguments)

    assert done.returncode == 70
    assert "name a job" in done.stderr
    assert lifecycle.received == []


def test_less_than_no_line_is_wrong_use(logged_in):
    assert logged_in("logs", "adder", "--tail", "-1").returncode == 2
    assert logged_in("build-logs", "adder", "--tail", "-1").returncode == 2


def test_a_command_without_a_remote_says_how_to_choose_one(racetrack):
    error = racetrack("list").stderr

    assert "No remote is set: choose one by `racetrack set remote URL`" in error
    by_word = racetrack("list", "--remote", "no-such-host-xyz").stderr
    assert "no-such-host-xyz is taken for a host, because no alias is called so" in by_word
    elsewhere = racetrack("list", "--remote", "http://127.0.0.1:9").stderr
    assert "Is the remote right? `racetrack get remote` shows it" in elsewhere


def test_a_chosen_remote_is_not_called_missing(racetrack):
    racetrack("set", "remote", "http://127.0.0.1:7002")

    assert "Is the remote right?" in racetrack("list").stderr
    assert "No remote" not in racetrack("list").stderr


def test_other_settings_choose_no_remote(racetrack):
    racetrack("set", "alias", "home", "http://localhost:7202")

    assert "lifecycle_url:" not in racetrack.config_path.read_text()
    assert "No remote is set" in racetrack("list").stderr


@pytest.mark.parametrize("remote", ["localhost:9", "127.0.0.1:9"])
def test_a_remote_without_a_scheme_is_explained(racetrack, remote):
    advice = (
        f"Without a scheme it means https; if the server speaks plain HTTP, say http://{remote}."
    )

    assert advice in racetrack("set", "remote", remote).stderr
    assert advice in racetrack("list").stderr
    assert advice in racetrack("set", "alias", "here", remote).stderr
    assert "scheme" not in racetrack("set", "remote", f"http://{remote}").stderr


def start_stack(racetrack, name, url):
    folder = racetrack.home / ".racetrack/stacks"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"{url}\n/clones/{name}\n")


def test_the_platform_of_this_machine_is_found_without_a_remote(racetrack, lifecycle, answer):
    start_stack(racetrack, "mine", lifecycle.root)
    lifecycle.on("POST users/login", answer({"token": "fresh"}))
    lifecycle.on("GET job", answer([]))

    assert racetrack("login", "--username", "anna", stdin="secret\n").returncode == 0
    assert racetrack("list").stderr == "no jobs are deployed\n"
    assert racetrack("get", "remote").stdout == f"{lifecycle.url}\n"
    chosen = racetrack("get", "remote", "--remote", "http://elsewhere")
    assert chosen.stdout == "http://elsewhere/lifecycle\n"


def test_a_platform_that_is_down_and_several_ones_are_named(racetrack):
    start_stack(racetrack, "mine", "http://127.0.0.1:9")
    down = racetrack("list").stderr
    start_stack(racetrack, "other", "http://127.0.0.1:8")
    several = racetrack("list").stderr

    assert "the platform of /clones/mine, which was started here, does not answer" in down
    assert "choose one by `racetrack set remote URL`: http://127.0.0.1:9, http://127.0.0.1:8" in (
        several
    )


def test_a_plugin_that_cannot_be_fetched_does_not_blame_the_remote(racetrack):
    done = racetrack("plugin", "install", "github.com/a/b", GITHUB_API_URL="http://127.0.0.1:9")

    assert "http://127.0.0.1:9/repos/a/b/releases" in done.stderr
    assert "remote" not in done.stderr
