"""Fills the disk of a platform's data at a random moment of a run with deployments, calls and async calls.

Run by hand as root: `PYTHONPATH=tests venv/bin/python tests/stress/full_disk.py --minutes 10 --full-seconds 60`.
The data is on a tmpfs of its own, of 800 MB at most.
"""

import argparse
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from stacks.embedded import EmbeddedStack, start_embedded_stack
from stacks.traffic import Traffic

_SIZE = "800m"
_HEAL_SECONDS = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--full-seconds", type=float, default=60)
    wanted = parser.parse_args()
    with small_disk() as disk, tempfile.TemporaryDirectory() as sources:
        stack = start_embedded_stack({"RACETRACK_DATA": str(disk / "data")})
        try:
            traffic = stress(stack, disk, Path(sources), wanted)
            traffic.findings.report()
        finally:
            stack.stop()
    sys.exit(bool(traffic.findings.wrong))


def stress(stack: EmbeddedStack, disk: Path, sources: Path, wanted: argparse.Namespace) -> Traffic:
    seconds = wanted.minutes * 60
    before = random.uniform(15, max(16, seconds - wanted.full_seconds - 45))
    traffic = Traffic(stack, sources)
    with traffic:
        began = time.monotonic()
        time.sleep(before)
        print(f"after {before:.0f} s the disk is full for {wanted.full_seconds:g} s", flush=True)
        with full_disk(disk):
            print(f"/ready when full: {ask_ready(stack)}", flush=True)
            time.sleep(wanted.full_seconds)
        seen_before = dict(traffic.findings.seen)
        print(f"when space was back, so far: {seen_before}", flush=True)
        healed = wait_until_ready(stack, traffic)
        print(f"ready again, with a new deployment, after {healed:.1f} s", flush=True)
        time.sleep(max(0, began + seconds - time.monotonic()))
    traffic.collect_async()
    traffic.check_end()
    return traffic


@contextmanager
def small_disk() -> Iterator[Path]:
    """Mount a tmpfs of a bounded size."""
    with tempfile.TemporaryDirectory(prefix="rt-disk-") as name:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", name], check=True)
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


@contextmanager
def full_disk(disk: Path) -> Iterator[None]:
    """Leave no byte free on the disk while the block runs."""
    filler = disk / "filler"
    try:
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(os.urandom(1024 * 1024)):
                pass
        yield
    finally:
        filler.unlink()


def ask_ready(stack: EmbeddedStack) -> str:
    answer = httpx.get(f"{stack.lifecycle_url}/ready", timeout=20)
    return f"{answer.status_code} {answer.text}"


def wait_until_ready(stack: EmbeddedStack, traffic: Traffic) -> float:
    """Wait until the platform is ready and a deployment has ended well; return how long that took."""
    began, done = time.monotonic(), traffic.findings.seen["deploy: done"]
    while time.monotonic() - began < _HEAL_SECONDS:
        if ask_ready(stack).startswith("200") and traffic.findings.seen["deploy: done"] > done:
            return time.monotonic() - began
        time.sleep(0.5)
    traffic.findings.note_wrong(f"not healed after {_HEAL_SECONDS} s: {ask_ready(stack)}")
    return time.monotonic() - began


if __name__ == "__main__":
    main()
