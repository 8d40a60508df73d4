"""A second Docker engine beside the one of this machine, which tests may kill."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from stacks.compose import docker


@dataclass
class Engine:
    """A dockerd with its own socket and data, in the network of a container of this machine's engine.

    In that network it may create bridges and rules freely, and its published ports are on the container's address.
    """

    program: Path
    environment: dict[str, str]
    network: str
    options: dict[str, object] = field(default_factory=dict)
    """What the file daemon.json of this engine holds."""
    root: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="rt-engine-")))
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return docker("inspect", f"--format={form}", self.network).strip()

    @property
    def socket(self) -> Path:
        return self.root / "docker.sock"

    @property
    def settings(self) -> dict[str, str]:
        """The variables that point a client, and a compose stack, to this engine."""
        return {"DOCKER_HOST": f"unix://{self.socket}", "DOCKER_SOCKET": str(self.socket)}

    def start(self) -> None:
        """Start the daemon; `answers` tells when it is ready."""
        pid = docker("inspect", "--format={{.State.Pid}}", self.network).strip()
        (self.root / "daemon.json").write_text(json.dumps(self.options))
        with (self.root / "dockerd.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    "nsenter",
                    f"--net=/proc/{pid}/ns/net",
                    self.program,
                    f"--config-file={self.root / 'daemon.json'}",
                    f"--host=unix://{self.socket}",
                    f"--data-root={self.root / 'data'}",
                    f"--exec-root={self.root / 'run'}",
                    f"--pidfile={self.root / 'dockerd.pid'}",
                    # If it uses the machine's containerd, this namespace separates its containers from the others.
                    f"--containerd-namespace={self.network}",
                    f"--containerd-plugins-namespace={self.network}-plugins",
                    "--default-address-pool=base=10.213.0.0/16,size=24",
                ],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def answers(self) -> bool:
        """Return whether the engine accepts requests; raise AssertionError when the daemon has ended."""
        assert self.runs, f"dockerd ended:\n{self.log_tail()}"
        return self.docker("info", check=False).returncode == 0

    def end(self, with_signal: signal.Signals) -> None:
        """Send the daemon a signal and wait for its end."""
        assert self.process is not None
        self.process.send_signal(with_signal)
        self.process.wait(60)

    def docker(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["docker", *arguments],
            env=os.environ | self.settings,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert not check or done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
        return done

    def copy_images(self, *images: str) -> None:
        """Copy images from the engine of this machine."""
        with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as saving:
            subprocess.run(
                ["docker", "load", "--quiet"],
                env=os.environ | self.settings,
                stdin=saving.stdout,
                stdout=subprocess.DEVNULL,
                timeout=300,
                check=True,
            )
        assert saving.returncode == 0

    def log_tail(self) -> str:
        lines = (self.root / "dockerd.log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-25:])

    def remove(self) -> None:
        """End the daemon and remove its containers and data."""
        self.end(signal.SIGTERM)
        # A daemon that was killed leaves its mounts behind, the innermost last.
        mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for mount in reversed(mounts):
            if Path(mount).is_relative_to(self.root):
                subprocess.run(["umount", mount], check=True, timeout=30)
        shutil.rmtree(self.root)


def find_engine_program() -> tuple[Path, dict[str, str]] | None:
    """Return the program and environment of this machine's dockerd; None where a second one can't be started."""
    if os.geteuid() != 0:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text().strip() != "dockerd":
                continue
            variables = (process / "environ").read_text().split("\0")
        except OSError:
            continue
        known = dict(each.split("=", 1) for each in variables if "=" in each)
        return (process / "exe").readlink(), known
    return None
