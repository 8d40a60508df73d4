"""The Docker engine of this machine, for tests that are marked `docker`."""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lifecycle.testing.tiny_job import TINY_JOB

DOCKERFILE = """FROM python:3.13-slim-trixie
LABEL racetrack-component=job
COPY job.py /job.py
USER 65534
CMD ["python", "/job.py", "0.0.0.0", "7000"]
"""


def run_docker(*arguments: str) -> str:
    """Run Docker's client and return what it prints; RuntimeError with what it complains about."""
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    if done.returncode != 0:
        raise RuntimeError(f"docker {' '.join(arguments)} failed: {done.stderr}")
    return done.stdout.strip()


@contextmanager
def build_tiny_image(folder: Path) -> Iterator[str]:
    """Build an image of the tiny job, and remove it in the end."""
    name = f"target-test-{secrets.token_hex(4)}:1"
    (folder / "job.py").write_text(TINY_JOB)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    run_docker("build", "--quiet", f"--tag={name}", str(folder))
    try:
        yield name
    finally:
        run_docker("image", "rm", "--force", name)


@contextmanager
def platform_of_its_own() -> Iterator[str]:
    """Give a name for `platform_name`; in the end remove its containers and networks."""
    name = f"target-test-{secrets.token_hex(4)}"
    label = f"--filter=label=racetrack-platform={name}"
    try:
        yield name
    finally:
        containers = run_docker("ps", "--all", "--quiet", label).split()
        if containers:
            run_docker("rm", "--force", "--volumes", *containers)
        networks = run_docker("network", "ls", "--quiet", label).split()
        if networks:
            run_docker("network", "rm", *networks)
