import json
import signal
import time

import pytest

JOB = """
name: adder
owner_email: sample@example.com
git: {remote: https://github.com/example/jobs}
jobtype: python3:latest
"""


def test_deploy_prints_the_url_and_tells_phases_and_warnings_beside(logged_in, lifecycle, answer):
    (logged_in.workdir / "job.yaml").write_text(JOB)
    lifecycle.on("POST deploy", answer({"id": "1"}))
    lifecycle.on(
        "GET deploy/1",
        answer({"status": "in_progress", "phase": "building image", "warnings": "old job type"}),
        answer({"status": "done", "job": {"pub_url": "http://pub/job/adder/0.0.1"}}),
    )

    done = logged_in("deploy", ".", "--force")

    assert (done.returncode, done.stdout) == (0, "http://pub/job/adder/0.0.1\n"), done.stderr
    assert "building image" in done.stderr
    assert "warning: old job type" in done.stderr


def test_a_failed_deployment_ends_with_70_and_its_cause(logged_in, lifecycle, answer):
    (logged_in.workdir / "job.yaml").write_text(JOB)
    lifecycle.on("POST deploy", answer({"id": "1"}))
    lifecycle.on("GET deploy/1", answer({"status": "failed", "error": "it broke; mend it"}))

    done = logged_in("deploy")

    assert (done.returncode, done.stdout) == (70, "")
    assert "error: deployment error: it broke; mend it" in done.stderr


def test_a_manifest_is_read_from_standard_input_only_when_asked(logged_in, lifecycle, answer):
    lifecycle.on("POST deploy", answer({"id": "1"}))
    lifecycle.on("GET deploy/1", answer({"status": "done", "job": {"pub_url": "http://pub"}}))

    assert logged_in("deploy", stdin=JOB).returncode == 70
    done = logged_in("deploy", "-", stdin=JOB)

    assert done.returncode == 0, done.stderr
    assert lifecycle.requests_to("/deploy")[0].json()["manifest"]["name"] == "adder"


def interrupt_after_first_request(racetrack, lifecycle, path, *arguments):
    process = racetrack.start(*arguments)
    deadline = time.monotonic() + 20
    while not lifecycle.requests_to(path) and time.monotonic() < deadline:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=20)
    return process.returncode, err


def test_an_interrupted_deployment_ends_with_130(logged_in, lifecycle, answer):
    (logged_in.workdir / "job.yaml").write_text(JOB)
    lifecycle.on("POST deploy", answer({"id": "1"}))
    lifecycle.on("GET deploy/1", answer({"status": "in_progress"}))

    code, err = interrupt_after_first_request(logged_in, lifecycle, "/deploy/1", "deploy")

    assert code == 130
    assert "deployment 1 goes on at the server" in err
    assert "Traceback" not in err


def test_a_deployment_that_takes_longer_than_wanted_goes_on(logged_in, lifecycle, answer):
    (logged_in.workdir / "job.yaml").write_text(JOB)
    lifecycle.on("POST deploy", answer({"id": "1"}))
    lifecycle.on("GET deploy/1", answer({"status": "in_progress"}))

    done = logged_in("deploy", "--timeout", "0")

    assert done.returncode == 70
    assert "not done after 0 s; deployment 1 goes on at the server" in done.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--build-context", "local"], "from the files here, "),
        (
            ["--build-context", "git", "-e", "git.branch=dev"],
            "from https://github.com/example/jobs, branch dev; --build-context local",
        ),
    ],
)
def test_deploy_says_whose_files_it_deploys(logged_in, lifecycle, answer, options, says):
    (logged_in.workdir / "job.yaml").write_text(JOB)
    lifecycle.on("POST deploy", answer({"id": "1"}))
    lifecycle.on("GET deploy/1", answer({"status": "done"}))

    assert says in logged_in("deploy", *options).stderr


def test_the_log_of_the_build_is_shown_while_it_grows(logged_in, lifecycle, answer):
    (logged_in.workdir / "job.yaml").write_text(JOB)
    lifecycle.on("POST deploy", answer({"id": "1"}))
    lifecycle.on(
        "GET deploy/1",
        answer({"status": "in_progress", "phase": "building image"}),
        answer({"status": "done", "job": {"pub_url": "http://pub"}}),
    )
    lifecycle.on(
        "GET deploy/1/build-logs",
        answer({"logs": "step 1\nste"}),
        answer({"logs": "step 1\nstep 2\nend"}),
    )

    done = logged_in("deploy", "--build-logs")

    assert done.stdout == "http://pub\n"
    lines = done.stderr.splitlines()[1:-1]
    assert [line for line in lines if not line.startswith("[")] == ["step 1", "step 2", "end"]


def test_a_server_without_logs_of_deployments_is_no_obstacle(logged_in, lifecycle, answer):
    (logged_in.workdir / "job.yaml").write_text(JOB)
    lifecycle.on("POST deploy", answer({"id": "1"}))
    lifecycle.on("GET deploy/1", answer({"status": "done", "job": {"pub_url": "http://pub"}}))
    lifecycle.on("GET deploy/1/build-logs", answer({"detail": "Not Found"}, 404))

    assert logged_in("deploy", "--build-logs").stdout == "http://pub\n"


STARTED = {"deployment_id": "7", "restored_deployment_id": "3", "of_a_newer_server": 1}
DONE = {"status": "done", "job": {"pub_url": "http://pub/job/adder/0.0.2"}, "phase": None}


@pytest.fixture
def rolling_back(lifecycle, answer):
    lifecycle.on("GET job/adder/latest", answer({"name": "adder", "version": "0.0.2"}))
    lifecycle.on("POST job/adder/0.0.2/rollback", answer(STARTED))
    lifecycle.on(
        "GET deploy/7", answer({"status": "in_progress", "phase": "starting"}), answer(DONE)
    )


@pytest.mark.usefixtures("rolling_back")
def test_a_rollback_is_followed_to_its_end_and_prints_the_url(logged_in, lifecycle):
    done = logged_in("rollback", "adder")

    assert (done.returncode, done.stdout) == (0, "http://pub/job/adder/0.0.2\n"), done.stderr
    assert "adder 0.0.2 is back at deployment 3" in done.stderr
    assert lifecycle.requests_to("/rollback")[0].body == b""


@pytest.mark.usefixtures("rolling_back")
def test_a_rollback_to_a_deployment_names_it(logged_in, lifecycle, answer):
    lifecycle.on("GET job/adder/0.0.2", answer({"name": "adder", "version": "0.0.2"}))

    done = logged_in("rollback", "adder", "0.0.2", "--deployment", "3", "-o", "json")

    assert json.loads(done.stdout)["restored_deployment_id"] == "3"
    assert json.loads(done.stdout)["deployment"]["status"] == "done"
    assert lifecycle.requests_to("/rollback")[0].json() == {"deployment_id": "3"}


@pytest.mark.usefixtures("rolling_back")
def test_a_rollback_that_fails_ends_with_70(logged_in, lifecycle, answer):
    lifecycle.on("GET deploy/7", answer({"status": "failed", "error": "it does not start"}))

    done = logged_in("rollback", "adder")

    assert (done.returncode, done.stdout) == (70, "")
    assert "deployment error: it does not start" in done.stderr


def test_a_server_that_knows_no_rollback_is_called_by_its_name(logged_in, lifecycle, answer):
    lifecycle.on("GET job/adder/latest", answer({"name": "adder", "version": "0.0.2"}))
    lifecycle.on("POST job/adder/0.0.2/rollback", answer({"detail": "Not Found"}, 404))

    done = logged_in("rollback", "adder")

    assert done.returncode == 70
    assert (
        f"error: Lifecycle at {lifecycle.url} does not know POST /api/v1/job/adder/0.0.2/rollback: "
        "it is of another version"
    ) in done.stderr
