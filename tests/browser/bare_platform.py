"""Lifecycle and the dashboard alone, over a database that a script has filled: nothing runs the jobs in it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from racetrack_commons.testing.serving import free_port
from stacks.stack import ROOT


@dataclass(frozen=True)
class BarePlatform:
    """The two services."""

    dashboard: "subprocess.Popen[bytes]"
    dashboard_url: str
    lifecycle_url: str

    def read_memory(self) -> float:
        """Return the resident memory of the dashboard in MB."""
        return float(psutil.Process(self.dashboard.pid).memory_info().rss / 1024**2)


@contextmanager
def start_bare_platform(folder: Path, *seed: str, pub_url: str = "") -> Iterator[BarePlatform]:
    """Fill a database in the folder by a script of this repository with arguments, and serve it within the block.

    The dashboard calls jobs at `pub_url`, if it is given.
    """
    ports = {"HTTP_PORT": str(free_port()), "DASHBOARD_PORT": str(free_port())}
    lifecycle_url = f"http://127.0.0.1:{ports['HTTP_PORT']}/lifecycle"
    environment = {
        **ports,
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "tests"),
        "DEVELOPMENT_MODE": "true",
        "AUTH_KEY": "a key of a bare platform, long enough",
        "SECRET_KEY": "a key of a bare platform",
        "HTTP_ADDR": "127.0.0.1",
        "DB_TYPE": "sqlite",
        "DB_PATH": str(folder / "racetrack.sqlite3"),
        "PLUGINS_DIR": str(folder / "plugins"),
        "LIFECYCLE_URL": lifecycle_url,
        "MALLOC_ARENA_MAX": "2",
        **({"INTERNAL_PUB_URL": pub_url} if pub_url else {}),
    }
    script = [str(ROOT / seed[0]), *seed[1:]]
    subprocess.run([sys.executable, *script], cwd=folder, env=environment, check=True)
    with ExitStack() as services:
        _start(services, ["lifecycle", "serve"], folder, environment)
        dashboard = _start(services, ["dashboard"], folder, environment)
        url = f"http://127.0.0.1:{ports['DASHBOARD_PORT']}"
        _await_answer(f"{url}/ready")
        yield BarePlatform(dashboard, f"{url}/dashboard", lifecycle_url)


def _start(
    services: ExitStack, command: list[str], folder: Path, environment: dict[str, str]
) -> "subprocess.Popen[bytes]":
    log = services.enter_context((folder / f"{command[0]}.log").open("wb"))
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=folder, env=environment, stdout=log, stderr=log
    )
    services.callback(process.wait)
    services.callback(process.terminate)
    return process


def _await_answer(url: str) -> None:
    deadline = time.monotonic() + 120
    while not _answers(url):
        if time.monotonic() > deadline:
            raise AssertionError(f"{url} did not answer")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.RequestError:
        return False
