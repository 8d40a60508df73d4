"""The client as it was published drives our stack: its outputs and exit codes are as they always were."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import zipfile
from pathlib import Path

import pytest
import yaml

JOB = "class Job:\n    def perform(self, x: int = 1):\n        print(f'got {x}')\n        return x + 1\n"


@pytest.fixture
def adder(job_directory, client) -> str:
    """A deployed job."""
    name = "published-adder"
    client.ok("deploy", str(job_directory(name, JOB)), "--force")
    return name


def rows(table: str) -> list[list[str]]:
    return [re.split(r" {2,}", line.strip()) for line in table.splitlines()]


def test_without_a_login_it_says_how_to_log_in(stranger, stack):
    stranger.ok("set", "remote", stack.lifecycle_url)
    assert "racetrack login" in stranger.fails("list")


def test_login_by_token_and_logout(stranger, stack):
    stranger.ok("set", "remote", stack.lifecycle_url)
    assert "Invalid Auth Token" in stranger.fails("login", "invalid")

    assert stranger.ok("login", stack.admin_token) == ""

    assert stranger.ok("get", "auth-token").strip() == stack.admin_token
    assert stranger.ok("logout") == ""
    stranger.fails("logout")


def test_login_by_user_name(stranger, stack):
    stranger.ok("set", "remote", stack.lifecycle_url)
    wrong = stranger.fails("login", "--username", "admin", input="wrong\n")
    assert "authentication error" in wrong

    stranger.ok("login", "--username", "admin", input="admin\n")

    assert stranger.ok("get", "auth-token").startswith("ey")
    assert stranger.ok("plugin", "list")


def test_remotes_are_set_and_shown(client, stack):
    client.ok("set", "alias", "here", stack.lifecycle_url)
    client.ok("set", "remote", "here")
    assert client.ok("get", "remote").strip() == stack.lifecycle_url
    assert client.ok("get", "pub").strip() == stack.pub_url
    config = yaml.safe_load(client.ok("get", "config"))
    assert config["lifecycle_url_aliases"] == {"here": stack.lifecycle_url}
    assert config["user_auths"] == {stack.lifecycle_url: stack.admin_token}
    client.ok("set", "credentials", "https://git.example.com", "alice", "secret")
    assert "alice" in client.ok("get", "config")


def test_a_manifest_is_validated(client, job_directory):
    directory = job_directory("validated", JOB)
    shown = yaml.safe_load(client.ok("validate", str(directory)))
    assert (shown["name"], shown["replicas"]) == ("validated", 1)
    (directory / "job.yaml").write_text("name: nothing-else\n")
    assert "owner_email" in client.fails("validate", str(directory))


def test_a_job_is_deployed_listed_called_read_and_deleted(client, stack, job_directory):
    directory = job_directory("published", JOB, version="1.2.3")

    assert client.ok("deploy", str(directory)) == ""

    assert "force" in client.fails("deploy", str(directory))
    header, *jobs = rows(client.ok("list"))
    assert header == ["NAME", "VERSION", "STATUS"]
    assert ["published", "1.2.3", "RUNNING"] in jobs
    header, *jobs = rows(client.ok("list", "-c", "all"))
    job = dict(zip(header, next(job for job in jobs if job[0] == "published"), strict=True))
    assert job.pop("UPDATED AT")
    assert job.pop("JOB TYPE").startswith("python3:")
    assert job == {
        "NAME": "published",
        "VERSION": "1.2.3",
        "STATUS": "RUNNING",
        "INFRASTRUCTURE": "process",
        "DEPLOYED BY": "admin",
        "LAST CALL AT": "never",
        "PUB URL": f"{stack.pub_url}/job/published/1.2.3",
    }
    assert json.loads(client.ok("call", "published", "/api/v1/perform", '{"x": 41}')) == 42
    assert json.loads(client.ok("call", "published", "api/v1/perform", "x: 1")) == 2
    client.fails("call", "published", "/api/v1/perform", "[1]")
    client.fails("call", "published", "/nothing/here", "{}")
    assert "got 41" in client.ok("logs", "published", "--tail", "50")
    assert client.ok("logs", "published", "--version", "1.x", "--tail", "1").count("\n") <= 2
    assert "python3:" in client.ok("build-logs", "published")
    assert client.ok("delete", "published", "--version", "1.2.3") == ""
    assert "Not Found" in client.fails("delete", "published", "--version", "1.2.3")
    assert "Not Found" in client.fails("logs", "published")
    assert "published" not in client.ok("list")


def test_a_call_is_shown_as_curl(client, stack, adder):
    command = client.ok("call", adder, "/api/v1/perform", '{"x": 1}', "--curl")
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == 2


def test_a_job_is_deployed_from_a_git_repository(client, git_server):
    manifest = {
        "name": "published-git",
        "owner_email": "jane@example.com",
        "version": "0.1.0",
        "jobtype": "python3:latest",
        "jobtype_extra": {"entrypoint_path": "job.py"},
        "git": {"remote": f"{git_server.url}/repository", "branch": "main", "directory": "jobs/one"},
    }  # fmt: skip
    text = yaml.safe_dump(manifest)
    git_server.publish("repository", {"jobs/one/job.py": JOB, "jobs/one/job.yaml": text})
    (client.home / "job.yaml").write_text(text)

    denied = client.fails("deploy", ".", "--build-context", "git")
    assert "credentials" in denied
    user = git_server.credentials
    client.ok("set", "credentials", git_server.url, user.username, user.password)
    client.ok("deploy", ".", "--build-context", "git")

    assert json.loads(client.ok("call", "published-git", "/api/v1/perform", '{"x": 1}')) == 2
    assert user.password not in denied + client.ok("build-logs", "published-git")


def test_a_failed_deployment_says_why(client, job_directory):
    directory = job_directory("published-bad", "import no_such_module\n" + JOB)
    said = client.fails("deploy", str(directory))
    assert "deployment error: " in said
    assert "no_such_module" in said
    assert "site-packages/racetrack_client" not in said  # the traceback of an unexpected error


def test_a_manifest_comes_from_standard_input_and_variables(client, job_directory):
    directory = job_directory("published-vars", JOB, build_env={"A": "a"})
    client.ok("deploy", str(directory), "-e", "version=2.0.0", "-e", "build_env.A=b", "--no-cache")
    assert ["published-vars", "2.0.0", "RUNNING"] in rows(client.ok("list"))


def test_secrets_reach_the_job(client, job_directory):
    code = "import os\nclass Job:\n    def perform(self):\n        return os.environ['PASSWORD']\n"
    directory = job_directory("published-secret", code, secret_runtime_env_file="secret.env")
    (directory / "secret.env").write_text('PASSWORD="tulip"\n')
    client.ok("deploy", str(directory))
    assert json.loads(client.ok("call", "published-secret", "/api/v1/perform", "{}")) == "tulip"


def test_at_a_terminal_it_shows_the_phases_that_it_sees(client, job_directory):
    code = "import time\n" + JOB + "    def __init__(self):\n        time.sleep(2.5)\n"
    said = run_at_a_terminal(client, "deploy", str(job_directory("published-phases", code)))
    phases = set(re.findall(r"deployment in progress: ([a-zA-Z -]+)\.\.\.", said))
    assert phases & {"starting Job server", "initializing Job entrypoint"}, said
    assert said.splitlines()[-1].partition("/pub/job/")[2].startswith("published-phases/0.0.1")


def run_at_a_terminal(client, *arguments: str) -> str:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [client.program, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=client.environment,
        cwd=client.home,
    ) as process:
        os.close(theirs)
        said = b""
        while chunk := read(ours):
            said += chunk
        assert process.wait(60) == 0, said.decode()
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;]*m", "", said.decode()).strip()


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 10_000)
    except OSError:  # How Linux says that the other end is closed.
        return b""


def test_logs_are_followed_until_the_user_stops(client, stack, adder):
    follower = client.start("logs", adder, "--follow", "--tail", "1")
    try:
        assert follower.stdout.readline()
        stack.call(f"{adder}/latest/api/v1/perform", {"x": 987654})
        assert any("got 987654" in line for line in follower.stdout)
        assert interrupt(follower) == 0
    finally:
        follower.kill()
        follower.communicate()


def interrupt(process: subprocess.Popen[str]) -> int:
    """Press Ctrl-C, and again when nothing happens: the client loses one that comes while it still subscribes."""
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(10)
    raise AssertionError("the command goes on after three interrupts")


def test_names_of_jobs_are_completed(client, adder):
    completed = client.run(
        _RACETRACK_COMPLETE="complete_bash", COMP_WORDS="racetrack logs published-a", COMP_CWORD="2"
    )
    assert set(completed.stdout.split()) == {adder}


def test_a_job_is_built_and_run_locally(client, job_directory, tmp_path):
    """Docker is a script that notes how it is called: the server's part is the build."""
    docker = tmp_path / "bin/docker"
    docker.parent.mkdir()
    docker.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\n')
    docker.chmod(0o755)
    path = f"{docker.parent}:{os.environ['PATH']}"

    client.ok("run-local", str(job_directory("published-local", JOB)), PATH=path)

    calls = (tmp_path / "calls").read_text()
    assert re.search(r"^pull .*published-local:", calls, re.MULTILINE)
    assert "-p 7000:7000" in calls


def test_wrong_usage_is_exit_code_2(client):
    for arguments in (
        ["delete", "adder"],
        ["move", "adder", "--version", "1.0.0"],
        ["plugin", "uninstall", "x"],
        ["call", "adder"],
        ["nonsense"],
    ):
        client.fails(*arguments, code=2)


def test_an_unreachable_server_is_named(stranger):
    stranger.ok("set", "remote", "http://127.0.0.1:9/lifecycle")
    assert "127.0.0.1:9" in stranger.fails("login", "token")


def test_plugins_are_installed_listed_downloaded_and_uninstalled(client, tmp_path):
    (tmp_path / "plugin-manifest.yaml").write_text('name: published-rust\nversion: "1.0.0"\n')
    (tmp_path / "plugin.py").write_text(
        "class Plugin:\n    def job_types(self):\n        return {'published-rust:1.0.0': ['Dockerfile']}\n"
    )
    client.ok("plugin", "bundle", str(tmp_path), "--plugin-version", "1.1.0")
    bundle = tmp_path / "published-rust-1.1.0.zip"

    assert client.ok("plugin", "install", str(bundle)) == ""

    assert "published-rust==1.1.0" in client.ok("plugin", "list").splitlines()
    assert "published-rust:1.0.0" in client.ok("plugin", "list", "--job-types").splitlines()
    client.ok("plugin", "install", str(bundle), "--replace")
    client.ok("plugin", "download", "published-rust", "1.1.0", "--out-dir", str(client.home))
    assert zipfile.ZipFile(client.home / bundle.name).namelist()
    assert bundle.read_bytes() == (client.home / bundle.name).read_bytes()
    missing = client.ok(
        "plugin", "download", "published-rust", "9.9.9"
    )  # Its old fault: exit code 0.
    assert "Failed to download" in missing
    assert not Path(client.home / "published-rust-9.9.9.zip").exists()
    assert client.ok("plugin", "uninstall", "published-rust", "--version", "1.1.0") == ""
    assert "Not Found" in client.fails(
        "plugin", "uninstall", "published-rust", "--version", "1.1.0"
    )
    assert "published-rust" not in client.ok("plugin", "list")


def test_what_is_no_plugin_is_refused(client, tmp_path):
    (tmp_path / "torn.zip").write_bytes(b"PK no zip")
    assert "torn.zip" in client.fails("plugin", "install", str(tmp_path / "torn.zip"))
    (tmp_path / "plugin.tar").write_bytes(b"tar")
    assert ".zip" in client.fails("plugin", "install", str(tmp_path / "plugin.tar"))
    assert "nowhere" in client.fails("plugin", "install", "nowhere")


def test_its_version_is_the_published_one(stranger):
    assert stranger.ok("version") == "racetrack-client version 2.35.1\n"
