"""An embedded stack of its own for the tests: real services, real CLI, ports and data apart from the developer's."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / "venv/bin"


@dataclass(frozen=True)
class Stack:
    """A running embedded stack, and the command line logged in to it."""

    data: Path
    environment: dict[str, str]

    @property
    def lifecycle_url(self) -> str:
        return f"http://127.0.0.1:{self.environment['LIFECYCLE_PORT']}/lifecycle"

    @property
    def pub_url(self) -> str:
        return f"http://127.0.0.1:{self.environment['PUB_PORT']}/pub"

    @property
    def admin_token(self) -> str:
        lines = (ROOT / ".env").read_text().splitlines()
        return next(line.split("=", 1)[1] for line in lines if line.startswith("ADMIN_TOKEN="))

    def racetrack(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [BIN / "racetrack", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(
                f"racetrack {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}\n{self.log_tails()}"
            )
        return done

    def start_racetrack(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [BIN / "racetrack", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def control(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ROOT / "embedded/stack", command],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def service_pid(self, service: str) -> int:
        done = subprocess.run(
            [
                "bash",
                "-c",
                f"source {ROOT}/embedded/settings.sh; supervisorctl -c {ROOT}/embedded/supervisord.conf pid {service}",
            ],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return int(done.stdout)

    def call(
        self, path: str, payload: object = None, token: str | None = "admin"
    ) -> httpx.Response:
        headers = (
            {}
            if token is None
            else {"X-Racetrack-Auth": self.admin_token if token == "admin" else token}
        )
        return httpx.post(f"{self.pub_url}/job/{path}", json=payload, headers=headers, timeout=30)

    def api(self, method: str, path: str, body: object = None) -> httpx.Response:
        return httpx.request(
            method,
            f"{self.lifecycle_url}/api/v1/{path}",
            json=body,
            headers={"X-Racetrack-Auth": self.admin_token},
            timeout=60,
        )

    def jobs(self) -> list[dict[str, object]]:
        jobs: list[dict[str, object]] = json.loads(self.racetrack("list", "-o", "json").stdout)
        return jobs

    def log_tails(self) -> str:
        return "\n".join(
            f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-25:])
            for log in sorted((self.data / "logs").glob("*.log"))
        )


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def start_stack() -> Stack:
    data = Path(tempfile.mkdtemp(prefix="rt-"))
    names = ["IMAGE_BUILDER_PORT", "LIFECYCLE_PORT", "PUB_PORT", "SUPERVISOR_PORT"]
    ports = dict(zip(names, map(str, free_ports(4)), strict=True))
    environment = (
        os.environ
        | ports
        | {"RACETRACK_DATA": str(data), "RACETRACK_CONFIG": str(data / "client.yaml")}
    )
    stack = Stack(data=data, environment=environment)
    up = stack.control("up")
    if up.returncode:
        stack.control("down")
        raise AssertionError(
            f"the stack did not start:\n{up.stdout}{up.stderr}\n{stack.log_tails()}"
        )
    stack.racetrack("set", "remote", stack.lifecycle_url)
    stack.racetrack("login", stack.admin_token)
    return stack


def stop_stack(stack: Stack) -> None:
    stack.control("down")
    shutil.rmtree(stack.data, ignore_errors=True)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    stack = start_stack()
    yield stack
    stop_stack(stack)


@pytest.fixture
def wait_until() -> Callable[..., None]:
    def wait(
        condition: Callable[[], bool], seconds: float = 30, what: str = "the condition"
    ) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come true within {seconds} s"
            time.sleep(0.05)

    return wait


@pytest.fixture
def job_directory(tmp_path: Path) -> Callable[..., Path]:
    """Writes a job of one file: its name, the code of job.py, and further keys of the manifest."""

    def write(name: str, code: str, **manifest: object) -> Path:
        directory = tmp_path / name
        directory.mkdir()
        (directory / "job.py").write_text(code)
        content = {
            "name": name,
            "owner_email": "sample@example.com",
            "git": {"remote": "https://github.com/TheRacetrack/racetrack"},
            "version": "0.0.1",
            "jobtype": "python3:latest",
            "jobtype_extra": {"entrypoint_path": "job.py", "entrypoint_class": "Job"},
        } | manifest
        (directory / "job.yaml").write_text(json.dumps(content))
        return directory

    return write
