"""Starts async calls while PUB, Lifecycle, its Supervisor and the job are killed at random, and looks for calls that are lost.

A call ends with exactly one result: whoever asks gets the same one. Its method may run more than once, because a job
or gateway that dies in the middle may have done the work already; the job keeps a ledger, so that this is counted.

Run by hand: `PYTHONPATH=tests venv/bin/python tests/stress/async_calls.py`, or, on a PostgreSQL of its own,
`PYTHONPATH=tests tests/with-postgres venv/bin/python tests/stress/async_calls.py --database postgres`.
"""

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from racetrack_commons.testing.builders import a_manifest_dict
from stacks.embedded import start_embedded_stack
from stacks.findings import Findings
from stacks.stack import Stack

_SERVICES = ("pub", "lifecycle", "lifecycle-supervisor")
_VICTIMS = (*_SERVICES, "job")
_JOB = "ledger-keeper"
_PATH = f"{_JOB}/latest/api/v1/perform"
_PATIENCE_SECONDS = 300
_CALLERS = 16
_NOT_YET = (202, 408, 504)
_CODE = """
import asyncio, os, signal, uuid

class Job:
    async def perform(self, x: int = 0, seconds: float = 0, ledger: str = "", die: bool = False):
        if die:
            os.kill(os.getpid(), signal.SIGKILL)
        run = uuid.uuid4().hex
        note(ledger, f"begun {x} {run}")
        await asyncio.sleep(seconds)
        note(ledger, f"done {x} {run}")
        return [x, run]

def note(ledger, line):
    if ledger:
        with open(ledger, "a") as file:
            file.write(line + "\\n")
"""


@dataclass
class AsyncTraffic:
    """Starts numbered calls, kills, and collects the results; what was seen is counted, and what was wrong is kept."""

    stack: Stack
    ledger: Path
    findings: Findings = field(default_factory=Findings)
    accepted: dict[int, str] = field(default_factory=dict)
    """The id of each call, by its number."""
    runs: dict[int, str] = field(default_factory=dict)
    """The run that gave the result of each call."""

    def start_calls(self, count: int, seconds: float) -> None:
        """Start calls evenly over a time; a start without an answer is repeated with the same key until there is one."""
        began = time.monotonic()

        def start(x: int) -> None:
            time.sleep(max(0.0, began + x * seconds / count - time.monotonic()))
            self._start_one(x)

        with ThreadPoolExecutor(_CALLERS) as pool:
            list(pool.map(start, range(count)))

    def kill_at_random(self, seconds: float) -> None:
        """Kill services and the job until the time is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(random.uniform(1, 4))
            victim = random.choice(_VICTIMS)
            with contextlib.suppress(
                ProcessLookupError, ValueError, subprocess.CalledProcessError, httpx.HTTPError
            ):
                if victim == "job":
                    answer = self.stack.call(_PATH, {"die": True})
                    if answer.status_code != 502:
                        continue  # It was dead already.
                else:
                    self.stack.kill(victim)  # It may be starting just now, and have no process.
                self.findings.count(f"killed: {victim}")

    def check_list(self) -> None:
        """Check that the list of own calls has the accepted calls, and no other."""
        listed = [each["task_id"] for each in self._list_all()]
        if len(listed) != len(set(listed)) or set(listed) != set(self.accepted.values()):
            text = f"{len(self.accepted)} calls were accepted, but {len(listed)} are listed"
            self.findings.note_wrong(text)
        self.findings.count("calls in the list of the caller's own", len(listed))

    def collect(self) -> None:
        """Fetch each result twice."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        with ThreadPoolExecutor(_CALLERS) as pool:
            list(pool.map(lambda x: self._collect_one(x, deadline), self.accepted))

    def check_ledger(self) -> None:
        """Check that each result is that of one run that the job has made, and count how often calls ran."""
        runs: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for line in self.ledger.read_text().splitlines():
            what, number, run = line.split()
            runs[what][int(number)].add(run)
        for x, run in self.runs.items():
            if run not in runs["done"][x]:
                self.findings.note_wrong(
                    f"the result of call {x} is of no run that the job has ended"
                )
        for times, calls in Counter(len(each) for each in runs["begun"].values()).items():
            self.findings.count(f"calls whose method began {times} times", calls)
        for times, calls in Counter(len(runs["done"][x]) for x in self.runs).items():
            self.findings.count(f"calls whose method ended {times} times", calls)

    def _start_one(self, x: int) -> None:
        payload = {"x": x, "seconds": random.uniform(0, 2), "ledger": str(self.ledger)}
        headers = {**self._headers(), "Idempotency-Key": str(uuid.uuid4())}
        url = f"{self.stack.pub_url}/async/new/job/{_PATH}"
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = httpx.post(url, json=payload, headers=headers, timeout=30)
            except httpx.TransportError as error:
                self.findings.count(f"start without an answer: {type(error).__name__}")
                time.sleep(0.2)
                continue
            self.findings.count(f"start: {answer.status_code}")
            if answer.status_code == 201:
                self.accepted[x] = answer.json()["task_id"]
                return
            time.sleep(0.2)
        self.findings.note_wrong(f"call {x} was not accepted within {_PATIENCE_SECONDS} s")

    def _list_all(self) -> Iterator[dict[str, str]]:
        offset = 0
        while True:
            answer = httpx.get(
                f"{self.stack.pub_url}/async/task",
                params={"limit": 500, "offset": offset, "job": _JOB},
                headers=self._headers(),
                timeout=30,
            )
            answer.raise_for_status()
            yield from answer.json()
            offset += 500
            if offset >= int(answer.headers["X-Total-Count"]):
                return

    def _collect_one(self, x: int, deadline: float) -> None:
        first, again = (self._poll(self.accepted[x], deadline) for _ in range(2))
        if first.status_code != 200:
            text = f"call {x} ended with {first.status_code}: {first.text[:200]}"
            self.findings.note_wrong(text)
        elif first.content != again.content:
            self.findings.note_wrong(f"call {x} has two results: {first.text} and {again.text}")
        elif first.json()[0] != x:
            self.findings.note_wrong(f"call {x} has the result of another: {first.text}")
        else:
            self.findings.count("results, each read twice")
            self.runs[x] = first.json()[1]

    def _poll(self, call_id: str, deadline: float) -> httpx.Response:
        while True:
            answer = httpx.get(f"{self.stack.pub_url}/async/task/{call_id}/poll", timeout=60)
            if answer.status_code not in _NOT_YET or time.monotonic() > deadline:
                return answer

    def _headers(self) -> dict[str, str]:
        return {"X-Racetrack-Auth": self.stack.admin_token}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60, help="the time of the kills")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    wanted = parser.parse_args()
    # A job that is killed every few seconds uses the two attempts up which a call has by default.
    settings = {"ASYNC_MAX_ATTEMPTS": "100", "ASYNC_TASK_RETRY_INTERVAL": "1"}
    stack = start_embedded_stack(settings | _describe_database(wanted.database))
    try:
        with tempfile.TemporaryDirectory() as directory:
            traffic = _stress(stack, Path(directory), wanted)
        print(f"{wanted.database}, {wanted.calls} calls, {wanted.seconds:g} s of kills", flush=True)
        traffic.findings.report()
    finally:
        stack.stop()
    sys.exit(bool(traffic.findings.wrong))


def _stress(stack: Stack, directory: Path, wanted: argparse.Namespace) -> AsyncTraffic:
    directory.chmod(0o777)  # The job runs as another user where the platform runs as root.
    traffic = AsyncTraffic(stack, directory / "ledger")
    traffic.ledger.touch()
    traffic.ledger.chmod(0o666)
    _deploy(stack, directory)
    killer = threading.Thread(target=traffic.kill_at_random, args=(wanted.seconds,))
    killer.start()
    began = time.monotonic()
    traffic.start_calls(wanted.calls, wanted.seconds * 0.9)
    print(f"all calls are accepted after {time.monotonic() - began:.1f} s", flush=True)
    killer.join()
    _wait_until_listed(traffic)
    traffic.collect()
    print(f"all calls have ended after {time.monotonic() - began:.1f} s", flush=True)
    traffic.check_ledger()
    return traffic


def _deploy(stack: Stack, directory: Path) -> None:
    job = directory / _JOB
    job.mkdir()
    (job / "job.py").write_text(_CODE)
    extra = {"entrypoint_path": "job.py", "entrypoint_class": "Job"}
    manifest = a_manifest_dict(_JOB, jobtype_extra=extra)
    (job / "job.yaml").write_text(json.dumps(manifest))
    stack.racetrack("deploy", str(job), "--build-context", "local")


def _wait_until_listed(traffic: AsyncTraffic) -> None:
    """Check the list as soon as the killed services are back."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            traffic.check_list()
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return


def _describe_database(kind: str) -> dict[str, str]:
    if kind == "sqlite":
        return {}
    server = urlsplit(os.environ["TEST_DATABASE_URL"])
    return {
        "DB_TYPE": "postgres",
        "POSTGRES_HOST": server.hostname or "",
        "POSTGRES_PORT": str(server.port),
        "POSTGRES_USER": server.username or "",
        "POSTGRES_DB": server.path.removeprefix("/"),
    }


if __name__ == "__main__":
    main()
