"""Calls a job through the gateway while the job closes its connections after a second: no call may fail or arrive twice.

It starts a gateway, a Lifecycle that allows everything, and the job. `--calls 100000` takes about ten minutes.
"""

import argparse
import asyncio
import os
import random
import socket
import sys
import tempfile
from collections import Counter
from pathlib import Path

from pub.testing.closing_job import KEEP_ALIVE_SECONDS, ClosingJob

LIFECYCLE = Path(__file__).parents[1] / "performance/fake_lifecycle.py"
HEAD = b"POST /pub/job/adder/1.0.0/x HTTP/1.1\r\nHost: pub\r\nX-Racetrack-Auth: a.b.c\r\n"


def main() -> None:
    """Call, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--callers", type=int, default=200)
    options = parser.parse_args()
    statuses, job = asyncio.run(_run(options.calls, options.callers))
    twice = sum(count - 1 for count in job.calls.values())
    print(
        f"{dict(statuses)}, {job.closed} connections closed by the job, {twice} calls arrived twice"
    )
    if set(statuses) != {"200"} or twice:
        sys.exit("calls failed or arrived twice")


async def _run(calls: int, callers: int) -> tuple[Counter[str], ClosingJob]:
    job, statuses = ClosingJob(), Counter[str]()
    job_port = (await job.start()).rpartition(":")[2]
    lifecycle_port, port = _find_port(), _find_port()
    settings = {
        "PUB_PORT": str(port),
        "LIFECYCLE_URL": f"http://127.0.0.1:{lifecycle_port}/lifecycle",
        "LIFECYCLE_AUTH_TOKEN": "a.b.c",
        "DEVELOPMENT_MODE": "true",
        "LOG_LEVEL": "warning",
    }
    with tempfile.TemporaryDirectory() as folder:
        lifecycle = await _start(folder, {}, str(LIFECYCLE), str(lifecycle_port), job_port)
        gateway = await _start(folder, settings, "-m", "pub")
        try:
            await _wait_for(lifecycle_port)
            await _wait_for(port)
            each = calls // callers
            await asyncio.gather(*(_call(port, n, each, statuses) for n in range(callers)))
        finally:
            for process in (gateway, lifecycle):
                process.terminate()
                await process.wait()
    return statuses, job


async def _start(
    folder: str, settings: dict[str, str], *command: str
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=folder, env={**os.environ, **settings}
    )


async def _call(port: int, number: int, calls: int, statuses: Counter[str]) -> None:
    pauses = random.Random(number)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for call in range(calls):
        await asyncio.sleep(KEEP_ALIVE_SECONDS * pauses.uniform(0.6, 1.1))
        body = b"%d %d" % (number, call)
        writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
        await reader.readexactly(length)
        statuses[head[9:12]] += 1
    writer.close()


async def _wait_for(port: int) -> None:
    for _ in range(600):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    sys.exit(f"no process listens at port {port}")


def _find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
