"""A data scientist's day: deploy a sample, call it, look at it, delete it."""

import json
import shutil
import threading

import httpx


def test_the_adder_is_deployed_called_and_deleted(stack):
    deployed = stack.racetrack("deploy", "sample/python-class", "--force")
    assert deployed.stdout.strip().endswith("/pub/job/adder/0.0.2")

    answer = stack.call("adder/latest/api/v1/perform", {"numbers": [40, 2]})
    assert (answer.status_code, answer.json()) == (200, 42)
    assert stack.call("adder/0.x/api/v1/perform", {"numbers": [1, 2]}).json() == 3

    [job] = [job for job in stack.jobs() if job["name"] == "adder"]
    assert (job["version"], job["status"], job["infrastructure_target"]) == (
        "0.0.2",
        "running",
        stack.target,
    )
    assert "perform" in stack.racetrack("logs", "adder").stdout
    assert stack.racetrack("build-logs", "adder").returncode == 0
    assert (
        json.loads(
            stack.racetrack("call", "adder", "/api/v1/perform", '{"numbers": [40, 2]}').stdout
        )
        == 42
    )

    stack.racetrack("delete", "adder", "--version", "0.0.2")
    assert stack.call("adder/latest/api/v1/perform", {"numbers": [40, 2]}).status_code == 404
    assert not [job for job in stack.jobs() if job["name"] == "adder"]


def test_callers_without_a_valid_token_are_refused(stack):
    stack.racetrack("deploy", "sample/python-class", "--force")
    for token in (None, "invalid"):
        assert (
            stack.call("adder/latest/api/v1/perform", {"numbers": [1]}, token=token).status_code
            == 401
        )


def test_documentation_is_served_from_the_job_itself(stack):
    stack.racetrack("deploy", "sample/python-class", "--force")
    headers = {"X-Racetrack-Auth": stack.admin_token}
    page = httpx.get(
        f"{stack.pub_url}/job/adder/latest/docs", headers=headers, follow_redirects=True
    )
    assert page.status_code == 200
    assert "https://" not in page.text
    openapi = httpx.get(f"{stack.pub_url}/job/adder/latest/openapi.json", headers=headers).json()
    assert openapi["info"]["title"] == "Job - adder"


def test_logs_are_followed_while_they_are_written(stack):
    stack.racetrack("deploy", "sample/python-class", "--force")
    follower = stack.start_racetrack("logs", "adder", "--follow")
    try:
        call = threading.Timer(1, stack.call, ("adder/latest/api/v1/perform", {"numbers": [40, 2]}))
        call.start()
        assert any(
            "POST /pub/job/adder/0.0.2/api/v1/perform 200" in line for line in follower.stdout
        )
        call.join()
    finally:
        follower.kill()
        follower.communicate()


def test_secrets_and_requirements_reach_the_job(stack, tmp_path):
    directory = tmp_path / "job"
    shutil.copytree("sample/python-env-secret", directory)
    (directory / "build.env").write_text("GIT_USERNAME=alice\nGIT_TOKEN=tulip\n")
    (directory / "runtime.env").write_text("PGPASSWD=rose\n")
    stack.racetrack("deploy", str(directory), "--force")
    answer = stack.call("python-env-secret/latest/api/v1/perform", {}).json()
    assert (answer["model"], answer["PGPASSWD"], answer["GIT_TOKEN"]) == ("zoo", "rose", "")


def test_plugins_are_listed_and_downloaded(stack, tmp_path):
    version = next(
        line.partition("==")[2]
        for line in stack.racetrack("plugin", "list").stdout.splitlines()
        if line.startswith("python3-job-type==")
    )
    stack.racetrack("plugin", "download", "python3-job-type", version, "--out-dir", str(tmp_path))
    installed = stack.racetrack(
        "plugin", "install", str(tmp_path / f"python3-job-type-{version}.zip"), "--replace"
    )
    assert installed.returncode == 0
    job_types = stack.racetrack("plugin", "list", "--job-types").stdout.splitlines()
    assert f"python3:{version}" in job_types
    assert any(job_type.startswith("dockerfile:") for job_type in job_types)
