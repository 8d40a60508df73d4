"""The base of all stacks: the actions of tests on a running platform, whatever its shape."""

import json
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / "venv/bin"
PORTS = (
    "DASHBOARD_PORT",
    "IMAGE_BUILDER_PORT",
    "LIFECYCLE_PORT",
    "PUB_PORT",
    "SUPERVISOR_PORT",
)


def run_command(
    arguments: Sequence[str | Path],
    environment: Mapping[str, str],
    *,
    directory: Path = ROOT,
    timeout_seconds: float = 120,
) -> subprocess.CompletedProcess[str]:
    """Run a command that asks for nothing; return its output, also when it fails."""
    command = _make_command(arguments, environment, directory)
    return subprocess.run(**command, capture_output=True, timeout=timeout_seconds, check=False)


def start_command(
    arguments: Sequence[str | Path], environment: Mapping[str, str], *, directory: Path = ROOT
) -> subprocess.Popen[str]:
    """Start a command that asks for nothing; its output and errors come together."""
    command = _make_command(arguments, environment, directory)
    return subprocess.Popen(**command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _make_command(
    arguments: Sequence[str | Path], environment: Mapping[str, str], directory: Path
) -> dict[str, Any]:
    """Return the options that both functions of `subprocess` take."""
    return {
        "args": arguments,
        "cwd": directory,
        "env": environment,
        "stdin": subprocess.DEVNULL,
        "text": True,
    }


@dataclass(frozen=True)
class Stack(ABC):
    """A running platform, and the command line logged in to it."""

    environment: dict[str, str]

    @property
    def host(self) -> str:
        """The host that has the ports of the platform."""
        return "127.0.0.1"

    @property
    def lifecycle_url(self) -> str:
        return f"http://{self.host}:{self.environment['LIFECYCLE_PORT']}/lifecycle"

    @property
    def pub_url(self) -> str:
        return f"http://{self.host}:{self.environment['PUB_PORT']}/pub"

    @property
    def dashboard_url(self) -> str:
        return f"http://{self.host}:{self.environment['DASHBOARD_PORT']}/dashboard"

    @property
    def admin_token(self) -> str:
        return self.development_secret("ADMIN_TOKEN")

    def development_secret(self, name: str) -> str:
        lines = (ROOT / ".env").read_text().splitlines()
        return next(line.split("=", 1)[1] for line in lines if line.startswith(f"{name}="))

    @property
    @abstractmethod
    def target(self) -> str:
        """The infrastructure target that jobs run on."""

    @abstractmethod
    def kill(self, service: str) -> None:
        """Kill a service without a warning; its supervisor starts it again."""

    @abstractmethod
    def pause(self, service: str) -> None:
        """Stop a service from running, without ending it."""

    @abstractmethod
    def resume(self, service: str) -> None:
        """Let a paused service continue."""

    @abstractmethod
    def remove_image(self, job: str, tag: str) -> None:
        """Remove the image of a job without telling the platform."""

    @abstractmethod
    def log_tails(self) -> str:
        """Return the last lines of the log of each service."""

    def log_in(self) -> None:
        self.racetrack("set", "remote", self.lifecycle_url)
        self.racetrack("login", self.admin_token)

    def racetrack(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = run_command([BIN / "racetrack", *arguments], self.environment)
        if check and done.returncode:
            raise AssertionError(
                f"racetrack {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}\n{self.log_tails()}"
            )
        return done

    def start_racetrack(self, *arguments: str) -> subprocess.Popen[str]:
        return start_command([BIN / "racetrack", *arguments], self.environment)

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


def free_ports(names: tuple[str, ...]) -> dict[str, str]:
    """Choose an unused port for each name."""
    sockets = [socket.socket() for _ in names]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return {name: str(each.getsockname()[1]) for name, each in zip(names, sockets, strict=True)}
    finally:
        for each in sockets:
            each.close()
