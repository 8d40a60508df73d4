"""What commands say when something else than Lifecycle answers, or not with what they need."""

import pytest

PAGE = b"<html>Welcome</html>"


@pytest.mark.parametrize(
    ("body", "status", "content_type"),
    [({"detail": "Not Found"}, 404, "application/json"), (PAGE, 200, "text/html"), ([], 200, "application/json")],
)  # fmt: skip
def test_somebody_else_who_answers_is_not_taken_for_lifecycle(
    racetrack, lifecycle, answer, body, status, content_type
):
    lifecycle.on("GET info", answer(body, status, content_type))

    for command in ("list", "get pub"):
        done = racetrack(*command.split(), RACETRACK_REMOTE=lifecycle.url)

        assert done.returncode == 70
        assert f"no Lifecycle answers at {lifecycle.url}" in done.stderr
        assert "is the remote right?" in done.stderr


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
