import random
import signal
import time

import pytest
from racetrack_commons.testing.builders import a_manifest_yaml

JOB = a_manifest_yaml(jobtype_extra=...)


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


def test_the_smoke_test_is_left_out_on_request(logged_in, lifecycle, answer):
    (logged_in.workdir / "job.yaml").write_text(JOB)
    lifecycle.on("POST deploy", answer({"id": "1"}))
    lifecycle.on("GET deploy/1", answer({"status": "done", "job": None}))

    assert logged_in("deploy", ".", "--no-smoke-test").returncode == 0

    assert lifecycle.requests_to("/deploy")[0].json()["manifest"]["smoke_test"] is False


def test_a_failed_deployment_ends_with_70_and_its_cause(logged_in, lifecycle, answer):
    (logged_in.workdir / "job.yaml").write_text(JOB)
    lifecycle.on("POST deploy", answer({"id": "1"}))
    lifecycle.on("GET deploy/1", answer({"status": "failed", "error": "it broke; mend it"}))

    done = logged_in("deploy")

    assert (done.returncode, done.stdout) == (70, "")
    assert "error: deployment error: it broke; mend it" in done.stderr


@pytest.mark.parametrize("arguments", [["deploy", "-"], ["deploy"]])
def test_a_manifest_on_standard_input_is_read(logged_in, lifecycle, answer, arguments):
    lifecycle.on("POST deploy", answer({"id": "1"}))
    lifecycle.on("GET deploy/1", answer({"status": "done", "job": {"pub_url": "http://pub"}}))

    done = logged_in(*arguments, stdin=JOB)

    assert done.returncode == 0, done.stderr
    sent = lifecycle.requests_to("/deploy")[0].json()
    assert sent["manifest"]["name"] == "adder"
    assert sent["build_context"] is None


def test_standard_input_beside_a_manifest_is_not_read_and_a_warning_says_so(
    logged_in, lifecycle, answer
):
    (logged_in.workdir / "job.yaml").write_text(JOB)
    lifecycle.on("POST deploy", answer({"id": "1"}))
    lifecycle.on("GET deploy/1", answer({"status": "done", "job": {"pub_url": "http://pub"}}))

    done = logged_in("deploy", stdin=JOB.replace("adder", "other"))

    assert lifecycle.requests_to("/deploy")[0].json()["manifest"]["name"] == "adder"
    assert "standard input is not read; `racetrack deploy -` takes" in done.stderr
    assert "standard input" not in logged_in("deploy", "--force", stdin="").stderr


def test_deploy_says_in_one_line_what_is_left_out(logged_in, lifecycle, answer):
    (logged_in.workdir / "job.yaml").write_text(JOB)
    (logged_in.workdir / ".gitignore").write_text(".env\n")
    (logged_in.workdir / ".env").write_text("SECRET=1\n")
    lifecycle.on("POST deploy", answer({"id": "1"}))
    lifecycle.on("GET deploy/1", answer({"status": "done", "job": {"pub_url": "http://pub"}}))

    done = logged_in("deploy")

    assert "left out: .env; `racetrack files` lists everything and says why" in done.stderr


def test_a_large_upload_names_its_largest_files(logged_in, lifecycle, answer):
    (logged_in.workdir / "job.yaml").write_text(JOB)
    (logged_in.workdir / "model.bin").write_bytes(random.Random(1).randbytes(11 * 1024 * 1024))
    lifecycle.on("POST deploy", answer({"id": "1"}))
    lifecycle.on("GET deploy/1", answer({"status": "done", "job": {"pub_url": "http://pub"}}))

    done = logged_in("deploy")

    assert "from the files here, 11.0 MiB, most of it model.bin (11.0 MiB)" in done.stderr


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
    assert "deployment 1 goes on at the server; `racetrack attach 1` follows it" in err
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
            "from https://example.com/adder, branch dev; --build-context local",
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


def test_a_manifest_without_a_version_is_told_which_one_it_means(racetrack):
    (racetrack.workdir / "job.yaml").write_text(JOB.replace("version: 0.0.1\n", ""))

    assert "note: the manifest has no version, which means 0.0.1" in racetrack("validate").stderr
    assert "note" not in racetrack("validate", "-e", "version=1.0.0").stderr
