"""`racetrack run-local` alone, without any service."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from racetrack_commons.testing.serving import free_port, wait_until

RACETRACK = [sys.executable, "-m", "racetrack_client"]
NAMESPACE = "run-local-test"
SAMPLES = Path(__file__).parents[2] / "sample"


@contextmanager
def running(sample, home):
    """Run a sample until the block ends; gives its URL."""
    port = free_port()
    process = subprocess.Popen(
        [*RACETRACK, "run-local", str(SAMPLES / sample), "--port", str(port)],
        env={**os.environ, "HOME": str(home), "DOCKER_REGISTRY_NAMESPACE": NAMESPACE},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        lines = iter(process.stderr.readline, "")
        said = next((line for line in lines if "starts at" in line), "")
        url = next(word for word in said.split() if word.startswith("http")).rstrip(";")
        wait_until(lambda: is_live(f"http://127.0.0.1:{port}/live"), 60)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0


def is_live(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (TimeoutError, urllib.error.URLError, ConnectionError):
        return False


def call(url, payload):
    request = urllib.request.Request(
        url, json.dumps(payload).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_a_python_job_runs_as_a_process(tmp_path):
    with running("python-class", tmp_path) as url:
        assert call(f"{url}/api/v1/perform", {"numbers": [40, 2]}) == 42
    assert not is_live(f"{url}/live")


@pytest.mark.docker
def test_a_job_with_a_dockerfile_runs_as_a_container(tmp_path):
    try:
        with running("docker-python-flask", tmp_path) as url:
            assert call(f"{url}/api/v1/perform", {"numbers": [40, 2]}) == 42
        assert docker("ps", "--all", "--quiet", "--filter", "name=local-job-docker-python") == ""
    finally:
        docker("image", "rm", f"{NAMESPACE}/job-entrypoint/docker-python-flask:local")


def docker(*arguments):
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    return done.stdout
