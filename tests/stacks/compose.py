"""The compose shape: services and jobs as containers of the Docker engine."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacks.stack import PORTS, ROOT, Stack, free_ports, run_command


@dataclass(frozen=True)
class ComposeStack(Stack):
    """A separate compose project: no other stack has its containers, networks, volumes, images or ports."""

    data: Path
    target = "docker"

    @property
    def project(self) -> str:
        return self.environment["COMPOSE_PROJECT_NAME"]

    def kill(self, service: str) -> None:
        # The engine takes `docker kill` for a requested stop, and would not start the container again.
        self.compose("exec", "-T", service, "bash", "-c", "kill -9 -1", check=False)

    def pause(self, service: str) -> None:
        self.compose("pause", service)

    def resume(self, service: str) -> None:
        self.compose("unpause", service)

    def remove_image(self, job: str, tag: str) -> None:
        docker("rmi", "--force", f"racetrack/job-entrypoint/{job}:{tag}")

    def log_tails(self) -> str:
        return self.compose("--ansi", "never", "logs", "--tail", "25", check=False).stdout

    def compose(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.control("compose", *arguments, check=check)

    def control(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command: list[str | Path] = [ROOT / "compose/stack", *arguments]
        done = run_command(command, self.environment, timeout_seconds=600)
        if check and done.returncode:
            raise AssertionError(
                f"compose/stack {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done

    def service(self, name: str) -> dict[str, Any]:
        """Return the engine's description of the container of a service."""
        [container] = self.compose("ps", "--all", "--quiet", name).stdout.split()
        return inspect(container)

    def job_containers(self, job: str) -> list[dict[str, Any]]:
        """Return the engine's descriptions of the containers of a job, whatever their state."""
        labels = {
            "racetrack-component": "job",
            "racetrack-platform": self.project,
            "job-name": job,
        }
        filters = [f"--filter=label={name}={value}" for name, value in labels.items()]
        names = docker("ps", "--all", "--quiet", *filters).split()
        return inspect_present(*names)

    def stop(self) -> None:
        """Remove the stack, and check that nothing of it is left."""
        self.control("clean")
        shutil.rmtree(self.data, ignore_errors=True)
        own = f"--filter=name={self.project}"
        of_us = f"--filter=label=racetrack-platform={self.project}"
        left = (
            docker("ps", "--all", "--quiet", own)
            + docker("ps", "--all", "--quiet", of_us)
            + docker("network", "ls", "--quiet", own)
            + docker("volume", "ls", "--quiet", own)
            + docker("images", "--quiet", of_us)
        )
        assert left == ""


def docker(*arguments: str) -> str:
    """Run the docker client and return its output."""
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def inspect(container: str) -> dict[str, Any]:
    [described] = json.loads(docker("inspect", container))
    return dict(described)


def inspect_present(*containers: str) -> list[dict[str, Any]]:
    """Return the engine's descriptions of these containers, without those that were removed meanwhile."""
    command = ["docker", "inspect", "--type=container", *containers]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return json.loads(done.stdout or "[]") if containers else []


def start_compose_stack() -> ComposeStack:
    data = Path(tempfile.mkdtemp(prefix="rt-"))
    # Each checkout has one project, so that a test run finds and removes what a killed run left behind.
    project = f"racetrack-test-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]}"
    own = {
        "COMPOSE_PROJECT_NAME": project,
        "TAG": project,
        "FORCE": "1",
        "RACETRACK_CONFIG": str(data / "client.yaml"),
    }
    ports = free_ports((*PORTS, "DATABASE_PORT", "PROMETHEUS_PORT"))
    stack = ComposeStack(environment=os.environ | ports | own, data=data)
    stack.control("clean")
    try:
        stack.control("up")
        stack.log_in()
    except BaseException:
        stack.control("clean", check=False)
        raise
    return stack
