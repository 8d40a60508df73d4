"""The Docker engine of this machine, for tests that are marked `docker`."""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def docker(*arguments: str, check: bool = True) -> str:
    """Run Docker's client and return its output."""
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    if check and done.returncode != 0:
        raise RuntimeError(f"docker {arguments[0]} failed: {done.stderr}")
    return done.stdout.strip()


@contextmanager
def platform_of_its_own() -> Iterator[str]:
    """Yield a unique `platform_name`, and remove the images of this platform after the block."""
    name = f"builder-test-{secrets.token_hex(4)}"
    try:
        yield name
    finally:
        ids = docker("image", "ls", "--quiet", f"--filter=label=racetrack-platform={name}").split()
        if ids:
            docker("image", "rm", "--force", *set(ids))


def is_running(argument: str) -> bool:
    """Return whether a process with this argument runs on this machine, in a container or outside."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # A process may end meanwhile.
            if argument.encode() in path.read_bytes().split(b"\0"):
                return True
    return False
