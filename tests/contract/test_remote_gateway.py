"""A plugin like remote-docker: its target runs jobs on another machine, by commands and probes through a gateway."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from racetrack_commons.testing.serving import free_port, running_server
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PLUGINS = Path(__file__).parent / "plugins"
PLUGIN = ("remote-docker-infrastructure", "1.0.0")
TOKEN = "of-the-gateway"


class Gateway:
    """The gateway of a remote machine, whose docker has processes for containers."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.networks: set[str] = set()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.ports: dict[str, int] = {}
        self.labels: dict[str, dict[str, str]] = {}
        self.app = Starlette(
            routes=[
                Route("/pub/remote/command", self.run_command, methods=["POST"]),
                Route("/pub/remote/forward/{name}/{version}/{path}", self.forward),
            ]
        )

    async def run_command(self, request: Request) -> Response:
        if request.headers.get("X-Racetrack-Gateway-Token") != TOKEN:
            return JSONResponse({"error": "bad token"}, 401)
        program, verb, *arguments = shlex.split((await request.json())["command"])
        assert program == "/opt/docker"
        output, code = getattr(self, f"docker_{verb}")(*arguments)
        return JSONResponse({"output": output, "exit_code": code})

    def forward(self, request: Request) -> Response:
        assert request.headers["X-Racetrack-Gateway-Token"] == TOKEN
        name = request.headers["X-Racetrack-Job-Internal-Name"].removesuffix(":7000")
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.ports[name]}/{request.path_params['path']}")
        except httpx.TransportError:
            return JSONResponse({"error": "the job does not answer"}, 502)
        return Response(answer.content, answer.status_code, media_type="application/json")

    def docker_network(self, _create: str, name: str) -> tuple[str, int]:
        is_there = name in self.networks
        self.networks.add(name)
        return "", int(is_there)

    def docker_run(self, *arguments: str) -> tuple[str, int]:
        name = arguments[arguments.index("--name") + 1]
        values = {
            flag: dict(
                value.split("=", 1) for option, value in pairwise(arguments) if option == flag
            )
            for flag in ("-e", "--label")
        }
        self.labels[name], self.ports[name] = values["--label"], free_port()
        with (self.directory / name).open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, PLUGINS / "moon/server.py", str(self.ports[name])],
                env=values["-e"],
                stdout=log,
                stderr=log,
            )
        return name, 0

    def docker_rm(self, _force: str, name: str) -> tuple[str, int]:
        process = self.processes.pop(name)
        process.kill()
        process.wait()
        return name, 0

    def docker_ps(self, *arguments: str) -> tuple[str, int]:
        wanted = arguments[-1].removeprefix("name=^/")
        described = [
            json.dumps({"name": labels["job-name"], "version": labels["job-version"]})
            for name, labels in self.labels.items()
            if name in self.processes
            and (wanted == f"{name}$" or (wanted == "job-" and name.startswith("job-")))
        ]
        return "\n".join(described), 0

    def docker_logs(self, name: str, *_: str) -> tuple[str, int]:
        return (self.directory / name).read_text(), 0


@pytest.fixture
def gateway(client, stack, tmp_path) -> Iterator[Gateway]:
    """The gateway of the target `remote-docker-daemon`."""
    gateway = Gateway(tmp_path)
    client.ok("plugin", "bundle", str(PLUGINS / "remote-docker"), "--out", str(tmp_path))
    client.ok("plugin", "install", str(tmp_path / f"{'-'.join(PLUGIN)}.zip"))
    with running_server(gateway.app) as url:
        daemon = {"remote_gateway_url": f"{url}/pub", "remote_gateway_token": TOKEN}
        config = json.dumps({"infrastructure_targets": {"remote-docker-daemon": daemon}})
        path = f"plugin/{'/'.join(PLUGIN)}/config"
        stack.api("PUT", path, {"config_data": config}).raise_for_status()
        yield gateway
        client.run("plugin", "uninstall", PLUGIN[0], "--version", PLUGIN[1])
    for process in gateway.processes.values():
        with suppress(ProcessLookupError):
            process.kill()


def test_a_job_lives_behind_a_gateway_and_goes_again(client, stack, gateway, job_directory):
    directory = job_directory(
        "contract-remote",
        "class Job:\n    def perform(self): ...\n",
        runtime_env={"SAYING": 'it\'s far & "quoted"'},
    )

    client.ok("deploy", str(directory), "-e", "infrastructure_target=remote-docker-daemon")

    name = "job-contract-remote-v-0-0-1"
    answer = httpx.post(f"http://127.0.0.1:{gateway.ports[name]}/", json={}).json()
    assert (answer["SAYING"], answer["HAS_TOKEN"]) == ('it\'s far & "quoted"', True)
    [job] = [job for job in stack.jobs() if job["name"] == "contract-remote"]
    assert (job["status"], job["infrastructure_target"]) == ("running", "remote-docker-daemon")
    assert "the moon rises" in client.ok("logs", "contract-remote")
    # The gateway's way for calls of jobs is not spoken yet, which the caller is told.
    refused = client.fails("call", "contract-remote", "/", "{}")
    assert "jobs behind remote gateways can't be called yet" in refused

    client.ok(
        "deploy", str(directory), "--force", "-e", "infrastructure_target=remote-docker-daemon"
    )
    client.ok("delete", "contract-remote", "--version", "0.0.1")
    assert gateway.processes == {}
