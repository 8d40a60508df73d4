"""Kills random services of a platform (SIGKILL) while jobs are deployed and called, also asynchronously.

Run by hand: `PYTHONPATH=tests venv/bin/python tests/stress/kill_services.py --minutes 5`.
"""

import argparse
import contextlib
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from stacks.embedded import start_embedded_stack
from stacks.traffic import Traffic

_SERVICES = ("lifecycle", "lifecycle-supervisor", "image-builder", "pub")
_REST_SECONDS = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    seconds = parser.parse_args().minutes * 60
    kills: Counter[str] = Counter()
    stack = start_embedded_stack()
    try:
        with tempfile.TemporaryDirectory() as sources:
            traffic = Traffic(stack, Path(sources))
            with traffic:
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    time.sleep(random.uniform(2, 8))
                    service = random.choice(_SERVICES)
                    with contextlib.suppress(
                        ProcessLookupError, ValueError, subprocess.CalledProcessError
                    ):
                        stack.kill(service)  # It may be starting just now, and have no process.
                        kills[service] += 1
                time.sleep(_REST_SECONDS)
            traffic.collect_async()
            traffic.check_end()
        print(f"killed: {dict(kills)}", flush=True)
        traffic.findings.report()
    finally:
        stack.stop()
    sys.exit(bool(traffic.findings.wrong))


if __name__ == "__main__":
    main()
