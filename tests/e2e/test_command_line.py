"""The commands against a real Lifecycle; what they print is pinned beside the commands."""

import json
import os
from dataclasses import replace

import pytest

CODE = "class Job:\n    def perform(self):\n        return 1\n"


@pytest.fixture
def job(stack, job_directory):
    stack.racetrack(
        "deploy", str(job_directory("asked", CODE)), "--build-context", "local", "--force"
    )
    return "asked"


def test_an_explanation_comes_from_lifecycle(stack, job):
    allowed = stack.racetrack("auth", "explain", "admin", job, "/api/v1/perform").stdout
    assert allowed.splitlines()[0] == f"admin may call_job /api/v1/perform of {job} 0.0.1"

    as_json = stack.racetrack("auth", "explain", f"job_family:{job}", job, "/secret", "-o", "json")
    explanation = json.loads(as_json.stdout)
    assert explanation["allowed"] is False
    assert explanation["rules"][-1]["effect"] == "deny"
    assert stack.racetrack("auth", "whoami").stdout == "admin\n"


def test_a_family_is_allowed_to_call_another(stack, job):
    before = stack.racetrack("auth", "explain", f"job_family:{job}", "asked", "/x").stdout
    assert "may not call_job" in before

    stack.racetrack("auth", "allow", f"job_family:{job}", job)

    after = stack.racetrack("auth", "explain", f"job_family:{job}", "asked", "/x").stdout
    assert "may call_job" in after
    held = json.loads(
        stack.racetrack("auth", "permissions", f"job_family:{job}", "-o", "json").stdout
    )
    assert [each["scope"] for each in held if each["job_name"] == job] == ["call_job"]

    stack.racetrack("auth", "revoke", f"job_family:{job}", job)

    again = stack.racetrack("auth", "explain", f"job_family:{job}", "asked", "/x").stdout
    assert "may not call_job" in again


def test_a_token_of_ones_own_is_made_and_revoked(stack):
    made = json.loads(stack.racetrack("auth", "new-token", "-o", "json").stdout)
    assert made["id"] in stack.racetrack("auth", "tokens").stdout

    stack.racetrack("auth", "revoke-token", made["id"])

    assert made["id"] not in stack.racetrack("auth", "tokens").stdout


def test_an_image_that_only_lifecycle_can_run_says_what_to_do(embedded_stack, job_directory):
    directory = job_directory("asked", CODE)
    done = embedded_stack.racetrack(
        "run-local", str(directory), "--remote", embedded_stack.lifecycle_url, "--build-context", "local",
        check=False,
    )  # fmt: skip
    assert done.returncode == os.EX_SOFTWARE
    assert "install racetrack-image-builder beside this command" in done.stderr


TALKER = """
import sys
import time


class Job:
    def perform(self, kind: str = "long"):
        if kind == "long":
            print("ä" * 30_000)
            print("a\\x85b\\u2028c\\x0bd")
        if kind == "bar":
            for percent in range(0, 30):
                sys.stderr.write(f"\\r{percent}% of it")
                sys.stderr.flush()
                time.sleep(0.1)
            print("\\nready")
        return kind
"""


def test_a_job_is_called_and_its_log_read_whole(stack, job_directory):
    stack.racetrack("deploy", str(job_directory("talker", TALKER)), "--force")
    assert stack.racetrack("call", "talker", "kind: long", "--async").stdout == '"long"\n'

    lines = stack.racetrack("logs", "talker", "--since", "10m", "--raw").stdout.split("\n")
    assert "ä" * 30_000 in lines
    assert "a\x85b\u2028c\x0bd" in lines
    assert "abcd" in stack.racetrack("logs", "talker").stdout.split("\n")
    last = stack.racetrack("logs", "talker", "--tail", "2").stdout
    assert last.count("\n") == 2

    assert "RUNNING" in stack.racetrack("status", "talker").stdout
    wrong = stack.racetrack("call", "talker", "/performe", check=False).stderr
    assert "has no endpoint /performe; it has: /api/v1/perform" in wrong
    unknown = stack.racetrack("call", "tolker", check=False).stderr
    assert "did you mean talker?" in unknown


def test_a_progress_bar_is_followed_while_it_grows(embedded_stack, job_directory):
    stack = embedded_stack
    stack.racetrack("deploy", str(job_directory("talker", TALKER)), "--force")
    processes = [stack.start_racetrack("logs", "talker", "--follow", "--tail", "1")]
    follower = processes[0]
    try:
        assert follower.stdout.readline()  # From the last line on it follows.
        processes.append(stack.start_racetrack("call", "talker", "kind: bar"))
        shown = []
        for line in follower.stdout:
            shown.append(line.strip())
            if shown[-1] == "ready":
                break
        frames = [line for line in shown if line.endswith("% of it")]
        assert len(frames) > 2
        assert frames[-1] == "29% of it"
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_the_platform_of_this_machine_is_found_without_a_remote(embedded_stack):
    settings = embedded_stack.data / "of-another-shell.yaml"
    environment = embedded_stack.environment | {"RACETRACK_CONFIG": str(settings)}

    found = replace(embedded_stack, environment=environment).racetrack("get", "remote")

    assert found.stdout == f"{embedded_stack.lifecycle_url}\n"
