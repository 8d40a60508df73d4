import json
import os
import signal
import socket
import sys
import urllib.request

import pytest
from racetrack_client.client.local_job import choose_port
from racetrack_commons.testing.builders import a_manifest_yaml
from racetrack_commons.testing.serving import wait_until

JOB = a_manifest_yaml(
    version="0.0.2",
    jobtype_extra=...,
    build_env={"BUILD_ONLY": "x", "BOTH": "of the build"},
    runtime_env={"BOTH": "of the job", "GREETING": "two\nlines"},
    secret_runtime_env_file=".env",
)
BUILDER = """
import json, os, pathlib, sys, time
if os.environ.get("SLOW"):
    pathlib.Path(os.environ["RECORD"]).write_text(str(os.getpid()))
    time.sleep(60)
assert sys.argv[1:] == ["make-image"]
pathlib.Path(os.environ["RECORD"]).write_text(sys.stdin.read())
if answer := os.environ.get("ANSWER"):
    print(answer)
else:
    sys.exit("error: it can't be built")
"""
DOCKER = """#!{python}
import json, os, sys
with open(os.environ["DOCKER_CALLS"], "a") as record:
    record.write(json.dumps({{"args": sys.argv[1:], "env": dict(os.environ)}}) + "\\n")
sys.exit(int(sys.argv[1] in os.environ.get("FAILS_AT", "").split()))
"""
SERVER = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(dict(os.environ)).encode())

server = HTTPServer((sys.argv[1], int(sys.argv[2])), Handler)
print("listening", flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture
def job(racetrack, tmp_path):
    """A job's directory, and beside the command a fake Image Builder with a fixed answer."""
    (racetrack.workdir / "job.yaml").write_text(JOB)
    (racetrack.workdir / ".env").write_text("PASSWORD=hunter2\n")
    builder = tmp_path / "path/image_builder"
    builder.mkdir(parents=True)
    (builder / "__init__.py").touch()
    (builder / "__main__.py").write_text(BUILDER)
    racetrack.variables |= {
        "PYTHONPATH": str(builder.parent),
        "RECORD": str(tmp_path / "record"),
    }
    return racetrack


@pytest.fixture
def process_image(job, tmp_path):
    image = tmp_path / "image"
    (image / "source").mkdir(parents=True)
    (image / "source/server.py").write_text(SERVER)
    command = ["{python}", "server.py", "{host}", "{port}"]
    described = {"python": sys.executable, "command": command, "environment": {"OF_IMAGE": "1"}}
    (image / "image.json").write_text(json.dumps(described))
    answer = {"image_kind": "process", "image_names": ["adder:local"], "directory": str(image)}
    job.variables["ANSWER"] = json.dumps(answer)
    return image


@pytest.fixture
def docker(job, tmp_path):
    """A fake docker that records its calls; the fixture returns them."""
    program = tmp_path / "bin/docker"
    program.parent.mkdir()
    program.write_text(DOCKER.format(python=sys.executable))
    program.chmod(0o755)
    job.variables["PATH"] = f"{program.parent}:{job.variables['PATH']}"
    answer = {"image_kind": "docker", "image_names": ["adder:local"], "directory": None}
    job.variables |= {"ANSWER": json.dumps(answer), "DOCKER_CALLS": str(tmp_path / "docker-calls")}

    def read_calls():
        lines = (tmp_path / "docker-calls").read_text().splitlines()
        return [json.loads(line) for line in lines]

    return read_calls


@pytest.mark.usefixtures("process_image")
def test_a_process_runs_until_it_is_interrupted(job, tmp_path):
    port = free_port()
    process = job.start("run-local", "--port", str(port))
    assert process.stdout.readline() == "listening\n"

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
        seen = json.load(answer)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _out, err = process.communicate(timeout=20)

    assert process.returncode == 0, err
    assert f"http://127.0.0.1:{port}/pub/job/adder/0.0.2" in err
    assert (seen["JOB_NAME"], seen["JOB_VERSION"], seen["OF_IMAGE"]) == ("adder", "0.0.2", "1")
    assert (seen["BOTH"], seen["PASSWORD"]) == ("of the job", "hunter2")
    assert "RECORD" not in seen
    payload = json.loads((tmp_path / "record").read_text())
    assert payload["build_context"]
    assert payload["manifest"]["name"] == "adder"


def test_ctrl_c_ends_the_builder_without_a_traceback(job, tmp_path):
    job.variables["SLOW"] = "1"
    process = job.start("run-local")
    record = tmp_path / "record"
    wait_until(lambda: record.exists() and record.read_text())

    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _out, err = process.communicate(timeout=20)

    assert process.returncode == 130
    assert "Traceback" not in err
    with pytest.raises(ProcessLookupError):
        os.kill(int(record.read_text()), 0)


def test_without_a_port_one_is_chosen_that_is_free():
    with socket.socket() as first:
        first.bind(("127.0.0.1", choose_port()))
        first.listen()
        assert choose_port() > first.getsockname()[1]


@pytest.mark.usefixtures("process_image")
def test_a_process_ends_with_the_command_that_runs_it(job):
    process = job.start("run-local", "--port", str(free_port()))
    assert process.stdout.readline() == "listening\n"

    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)

    assert process.returncode == 0
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


@pytest.mark.usefixtures("process_image")
def test_another_command_runs_in_the_environment_of_the_job(job):
    done = job("run-local", "--port", str(free_port()), "--cmd", "python -c 'print(6 * 7)'")
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr

    failed = job("run-local", "--port", str(free_port()), "--cmd", "python -c 'exit(3)'")
    assert failed.returncode == 70
    assert "the job ended with code 3" in failed.stderr


def test_a_container_runs_with_its_variables_but_no_value_is_an_argument(job, docker):
    done = job("run-local", "--port", "39123", "--cmd", "sh -c 'echo 1'")

    assert done.returncode == 0, done.stderr
    inspected, run = docker()
    assert inspected["args"] == ["image", "inspect", "adder:local"]
    assert run["args"][:6] == [
        "run",
        "--rm",
        "--init",
        "--name",
        "local-job-adder-v-0-0-2",
        "--publish",
    ]
    assert run["args"][6] == "127.0.0.1:39123:7000"
    assert run["args"][-4:] == ["adder:local", "sh", "-c", "echo 1"]
    assert "hunter2" not in str(run["args"])
    passed = {name: run["env"][name] for name in ("BOTH", "GREETING", "PASSWORD", "BUILD_ONLY")}
    assert passed == {
        "BOTH": "of the job",
        "GREETING": "two\nlines",
        "PASSWORD": "hunter2",
        "BUILD_ONLY": "",
    }
    arguments = run["args"]
    named = {arguments[index + 1] for index, each in enumerate(arguments) if each == "--env"}
    assert named >= {*passed, "JOB_NAME", "JOB_VERSION", "JOB_DEPLOYMENT_TIMESTAMP"}


def test_lifecycle_builds_when_a_remote_is_named_and_docker_fetches_the_image(
    job, docker, lifecycle, answer
):
    job.variables["RACETRACK_AUTH_TOKEN"] = "the-token"
    job.variables["FAILS_AT"] = "image"
    lifecycle.on("POST build", answer({"id": "1"}))
    image = "registry.example.com/racetrack/job/adder:1"
    lifecycle.on("GET deploy/1", answer({"status": "done", "image_name": image}))

    done = job("run-local", "--remote", lifecycle.url, "--port", str(free_port()))

    assert done.returncode == 0, done.stderr
    assert [call["args"][0] for call in docker()] == ["image", "pull", "run"]
    assert docker()[1]["args"] == ["pull", image]
    assert lifecycle.requests_to("/build")[0].json()["manifest"]["name"] == "adder"


@pytest.mark.usefixtures("docker")
def test_an_image_that_can_not_be_pulled_says_what_to_do(job, lifecycle, answer):
    job.variables |= {"RACETRACK_AUTH_TOKEN": "the-token", "FAILS_AT": "image pull"}
    lifecycle.on("POST build", answer({"id": "1"}))
    lifecycle.on(
        "GET deploy/1", answer({"status": "done", "image_name": "far.example.com/adder:1"})
    )
    done = job("run-local", "--remote", lifecycle.url, "--port", str(free_port()))

    assert done.returncode == 70
    assert "docker login far.example.com" in done.stderr


def test_a_build_that_fails_ends_with_70(job):
    done = job("run-local", "--port", str(free_port()))

    assert (done.returncode, done.stdout) == (70, "")
    assert "error: it can't be built" in done.stderr
    assert "deployment error: the image was not built, see above" in done.stderr


def test_a_taken_port_is_refused_before_anything_is_built(job, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = job("run-local", "--port", str(port))

    assert done.returncode == 70
    assert f"port {port} of this machine can't be used: Address already in use" in done.stderr
    assert not (tmp_path / "record").exists()


def test_what_can_not_be_run_is_refused_before_anything_is_built(job, tmp_path):
    done = job("run-local", "--port", str(free_port()), "--cmd", '"unclosed')

    assert done.returncode == 70
    assert "--cmd '\"unclosed' is no command: no closing quotation" in done.stderr
    assert job("run-local", "--port", "99999").returncode == 2
    assert not (tmp_path / "record").exists()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
