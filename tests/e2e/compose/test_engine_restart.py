"""The engine itself goes away, with everything that runs on it: as at a restart of the machine."""

import secrets
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from stacks.compose import ComposeStack, docker
from stacks.engine import Engine, find_engine_program

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

LONGEST_SECONDS = 180
"""The time for a return: an engine that was killed first ends what it left running, which takes a while on a busy machine."""
SERVICES = ("lifecycle", "lifecycle-supervisor", "image-builder", "pub", "postgres")
BASE_IMAGE = "python:3.13-slim-trixie"
DOCKERFILE = f"""
FROM {BASE_IMAGE}
COPY serve.py /
USER 100000:100000
CMD ["python", "/serve.py"]
"""
SERVE = """
import http.server
import json
import os


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        started = int(os.environ["JOB_DEPLOYMENT_TIMESTAMP"])
        body = json.dumps({"live": True, "ready": True, "deployment_timestamp": started}).encode()
        self.send_response(200 if self.path in ("/live", "/ready") else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"42")


http.server.ThreadingHTTPServer(("0.0.0.0", 7000), Handler).serve_forever()
"""


@dataclass(frozen=True)
class StackOnEngine(ComposeStack):
    """A compose stack on another engine than the one of this machine."""

    address: str

    @property
    def host(self) -> str:
        return self.address


@pytest.fixture
def engine(wait_until) -> Iterator[Engine]:
    found = find_engine_program()
    if found is None:
        pytest.skip("needs root, and a dockerd that runs on this machine, to start a second one")
    network = f"rt-engine-{secrets.token_hex(4)}"
    docker("run", "--detach", "--init", f"--name={network}", BASE_IMAGE, "sleep", "infinity")
    engine = Engine(*found, network)
    try:
        engine.start()
        wait_until(engine.answers, what="the second engine")
        yield engine
    finally:
        if not engine.runs:  # It ends the containers that the killed one left running.
            engine.start()
            wait_until(engine.answers, what="the return of the second engine")
        engine.remove()
        docker("rm", "--force", network)


@pytest.fixture
def platform(compose_stack, engine, tmp_path) -> ComposeStack:
    """The compose stack once more, with the same images, on an engine of its own."""
    images = {compose_stack.service(name)["Config"]["Image"] for name in SERVICES}
    engine.copy_images(*images, BASE_IMAGE)
    own = {"BIND_ADDRESS": "0.0.0.0", "RACETRACK_CONFIG": str(tmp_path / "client.yaml")}
    environment = compose_stack.environment | engine.settings | own
    stack = StackOnEngine(environment, tmp_path, engine.address)
    # Without the dashboard, whose large image would have to be copied.
    stack.compose("up", "--detach", "--wait", *SERVICES)
    stack.log_in()
    return stack  # It goes with its engine.


@pytest.fixture
def answering(platform, job_directory):
    directory = job_directory("answering", "", jobtype="dockerfile:latest", jobtype_extra={})
    (directory / "Dockerfile").write_text(DOCKERFILE)
    (directory / "serve.py").write_text(SERVE)
    platform.racetrack("deploy", str(directory), "--build-context", "local")
    return directory


def test_platform_and_jobs_come_back_with_the_engine(platform, engine, answering, wait_until):
    def answers() -> bool:
        try:
            return platform.call("answering/latest/api/v1/perform", {}).text == "42"
        except httpx.TransportError:
            return False

    def runs() -> bool:
        [job] = platform.jobs()
        return job["status"] == "running"

    assert answers()
    for end in (signal.SIGKILL, signal.SIGTERM):
        engine.end(end)
        # A killed engine leaves containers running, and starts them again when it is back.
        assert answers() is (end == signal.SIGKILL)
        engine.start()
        wait_until(engine.answers, LONGEST_SECONDS, f"the engine's return after {end.name}")
        wait_until(answers, LONGEST_SECONDS, f"the job's return after {end.name}")
        wait_until(runs, LONGEST_SECONDS, f"the sight of the job after {end.name}")
        # Nobody has made a second one of it.
        job_containers = engine.docker(
            "ps", "--all", "--quiet", "--filter=label=job-name=answering"
        )
        assert len(job_containers.stdout.split()) == 1
    platform.racetrack("deploy", str(answering), "--build-context", "local", "--force")
    assert answers()
