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

from racetrack_commons.os_users.entrance import Entrance, hide_variables, list_python_places

from stacks.stack import BIN, PORTS, ROOT, Stack, free_ports, run_command


@dataclass(frozen=True)
class EmbeddedStack(Stack):
    """The services as processes under supervisord, with a data directory of their own."""

    data: Path
    user_id: int | None = None
    """The user that the services run as; None: that of the tests."""
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
        arguments, environment = [str(ROOT / "embedded/stack"), command], self.environment
        if self.user_id is not None:
            places = [ROOT, self.data, *list_python_places(BIN / "python")]
            arguments = Entrance(user_id=self.user_id, reach=places).make_command(arguments)
            environment = hide_variables(environment)
        return run_command(arguments, environment)

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


def start_embedded_stack(
    settings: Mapping[str, str] | None = None, user_id: int | None = None
) -> EmbeddedStack:
    data = Path(tempfile.mkdtemp(prefix="rt-"))
    home = {}
    if user_id is not None:
        os.chown(data, user_id, user_id)
        home = {"HOME": str(data)}
    own = {
        "RACETRACK_DATA": str(data),
        "RACETRACK_CONFIG": str(data / "client.yaml"),
        "READY_TIMEOUT": "110",
    }
    environment = os.environ | free_ports(PORTS) | job_ports() | own | home | dict(settings or {})
    stack = EmbeddedStack(environment=environment, data=data, user_id=user_id)
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
