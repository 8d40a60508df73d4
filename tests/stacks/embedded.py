"""The embedded shape: services and jobs as processes of this machine."""

import os
import random
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stacks.stack import PORTS, ROOT, Stack, free_ports


@dataclass(frozen=True)
class EmbeddedStack(Stack):
    """Four processes under supervisord, with a data directory of their own."""

    data: Path
    target = "process"

    def kill(self, service: str) -> None:
        os.kill(self.service_pid(service), signal.SIGKILL)

    def pause(self, service: str) -> None:
        os.kill(self.service_pid(service), signal.SIGSTOP)

    def resume(self, service: str) -> None:
        os.kill(self.service_pid(service), signal.SIGCONT)

    def remove_image(self, job: str, tag: str) -> None:
        [image] = self.data.rglob(f"{job}/{tag}")
        shutil.rmtree(image)

    def log_tails(self) -> str:
        return "\n".join(
            f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-25:])
            for log in sorted((self.data / "logs").glob("*.log"))
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

    def stop(self) -> None:
        self.control("down")
        shutil.rmtree(self.data, ignore_errors=True)


def start_embedded_stack(settings: Mapping[str, str] | None = None) -> EmbeddedStack:
    data = Path(tempfile.mkdtemp(prefix="rt-"))
    own = {
        "RACETRACK_DATA": str(data),
        "RACETRACK_CONFIG": str(data / "client.yaml"),
        "READY_TIMEOUT": "110",
    }
    environment = os.environ | free_ports(PORTS) | job_ports() | own | dict(settings or {})
    stack = EmbeddedStack(environment=environment, data=data)
    up = stack.control("up")
    if up.returncode:
        stack.control("down")
        raise AssertionError(
            f"the stack did not start:\n{up.stdout}{up.stderr}\n{stack.log_tails()}"
        )
    stack.log_in()
    return stack


def job_ports() -> dict[str, str]:
    """Choose ports for jobs that other stacks of this machine hardly use, below the range of outgoing connections."""
    first = random.randrange(8000, 32000, 100)
    return {"FIRST_JOB_PORT": str(first), "LAST_JOB_PORT": str(first + 99)}
