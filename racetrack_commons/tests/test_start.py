"""The start of a service, in a process of its own: it configures logs, and closes the process."""

import subprocess
import sys

import pytest
from racetrack_client.log.errors import EntityNotFound, ServiceUnavailable
from racetrack_commons.start import exit_on_failure

START = """
from racetrack_commons import start
from racetrack_commons.settings import Settings
start.{function}("pub", Settings)
"""


def test_a_server_with_published_secrets_warns_of_other_machines():
    assert "WARN  DEVELOPMENT MODE AT 0.0.0.0" in run("start_server")
    assert run("start_server", HTTP_ADDR="127.0.0.1") == ""


def test_a_process_that_does_not_listen_warns_of_nothing():
    assert run("start_process") == ""


def test_the_log_of_each_service_can_be_json_lines():
    assert run("start_server", LOG_STRUCTURED="true").startswith("{")


def test_wrong_settings_end_the_process_with_one_line():
    error = run("start_process", status=1, LOG_STRUCTURED="maybe")
    assert error.startswith("pub can't start: wrong settings")
    assert error.count("\n") == 1


def test_an_unavailable_service_ends_the_process_and_a_mistake_of_ours_shows_its_place():
    with (
        pytest.raises(SystemExit, match=r"^no migration: the database is down$"),
        exit_on_failure("no migration"),
    ):
        raise ServiceUnavailable("the database is down")
    with pytest.raises(EntityNotFound), exit_on_failure("no migration"):
        raise EntityNotFound("no such job")


def run(function: str, status: int = 0, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", START.format(function=function)],
        env={"DEVELOPMENT_MODE": "true", "LOG_LEVEL": "warn", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stderr
