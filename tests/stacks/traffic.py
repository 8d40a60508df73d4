"""Traffic for stress scripts: deployers, callers and async callers, which note every answer that is wrong."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import httpx

from stacks.findings import Findings
from stacks.stack import Stack

CODE = """
class Job:
    def perform(self, x: int = 1):
        return [x, VERSION]
    def docs_input_example(self):
        return {"x": 1}
"""
_MANIFEST = """
name: {name}
owner_email: a@example.com
jobtype: python3:latest
jobtype_extra: {{entrypoint_path: main.py}}
"""
_PATIENCE_SECONDS = 240


class Traffic:
    """Deploys jobs and calls them while its block runs; what it saw is counted, and what was wrong is kept."""

    def __init__(self, stack: Stack, directory: Path, deployers: int = 2) -> None:
        self.findings = Findings()
        self.accepted: dict[str, int] = {}
        self._stack, self._directory = stack, directory
        self._stopped = threading.Event()
        self._threads = [
            *(threading.Thread(target=self._deploy, args=(n,)) for n in range(deployers)),
            *(threading.Thread(target=self._call, args=(n,)) for n in range(2)),
            threading.Thread(target=self._call_async),
        ]

    def __enter__(self) -> Self:
        for number in (0, 1):
            self._write_job(number, 0)
            self._stack.racetrack("deploy", str(self._job(number)), "--build-context", "local")
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def collect_async(self) -> None:
        """Fetch the answer of each accepted async call; a lost or wrong one is noted."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        for call_id, x in self.accepted.items():
            self._collect_one(call_id, x, deadline)

    def check_end(self) -> None:
        """Note deployments that have not ended, and jobs that do not answer."""
        for number in (0, 1):
            answer = self._stack.call(f"job-{number}/latest/api/v1/perform", {"x": 5})
            if answer.status_code != 200 or answer.json()[0] != 5:
                self.findings.note_wrong(f"at the end job-{number} answers {answer.status_code}")
        deployments = self._stack.api("GET", "deploy?limit=1000").json()
        for each in deployments:
            self.findings.count(f"deployment {each['status']}")
            if each["status"] == "in_progress":
                self.findings.note_wrong(f"deployment {each['id']} has not ended")

    def _job(self, number: int) -> Path:
        return self._directory / f"job-{number}"

    def _write_job(self, number: int, version: int) -> None:
        directory = self._job(number)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "job.yaml").write_text(_MANIFEST.format(name=f"job-{number}"))
        (directory / "main.py").write_text(f"VERSION = {version}\n{CODE}")

    def _deploy(self, number: int) -> None:
        version = 0
        while not self._stopped.wait(1):
            version += 1
            self._write_job(number, version)
            done = self._stack.racetrack(
                "deploy", str(self._job(number)), "--force", "--build-context", "local", check=False
            )
            if done.returncode == 0:
                self.findings.count("deploy: done")
                self._check_version(number, version)
            else:
                self.findings.count(f"deploy: {_shorten(done.stderr)}")

    def _check_version(self, number: int, version: int) -> None:
        """A gateway that is down meanwhile proves nothing; a wrong version does."""
        try:
            answer = self._stack.call(f"job-{number}/latest/api/v1/perform", {"x": 7})
        except httpx.TransportError:
            return
        if answer.status_code == 200 and answer.json() != [7, version]:
            self.findings.note_wrong(f"after the deployment of {version}: {answer.text[:80]}")

    def _call(self, number: int) -> None:
        url = f"{self._stack.pub_url}/job/job-{number}/latest/api/v1/perform"
        for x, answer in self._post_repeatedly("call", url, 0.05):
            if answer.status_code == 200 and answer.json()[0] != x:
                self.findings.note_wrong(f"call of {x}: {answer.text[:80]}")

    def _call_async(self) -> None:
        url = f"{self._stack.pub_url}/async/new/job/job-0/latest/api/v1/perform"
        for x, answer in self._post_repeatedly("async call", url, 0.3):
            if answer.status_code == 201:
                self.accepted[answer.json()["task_id"]] = x

    def _post_repeatedly(
        self, what: str, url: str, pause_seconds: float
    ) -> Iterator[tuple[int, httpx.Response]]:
        """Send 1, 2, 3 … until the traffic stops; yield each answer with its number, and count those and the failures."""
        headers = {"X-Racetrack-Auth": self._stack.admin_token}
        with httpx.Client(headers=headers, timeout=30) as http:
            x = 0
            while not self._stopped.wait(pause_seconds):
                x += 1
                try:
                    answer = http.post(url, json={"x": x})
                except httpx.TransportError as error:
                    self.findings.count(f"{what}: {type(error).__name__}")
                    continue
                self.findings.count(f"{what}: {answer.status_code}")
                yield x, answer

    def _collect_one(self, call_id: str, x: int, deadline: float) -> None:
        url = f"{self._stack.pub_url}/async/task/{call_id}/poll"
        headers = {"X-Racetrack-Auth": self._stack.admin_token}
        while True:
            answer = httpx.get(url, headers=headers, timeout=60)
            if answer.status_code == 200:
                self.findings.count("async answer: right")
                if answer.json()[0] != x:
                    self.findings.note_wrong(f"async call of {x}: {answer.text[:80]}")
                return
            if answer.status_code == 404 or time.monotonic() > deadline:
                break
        self.findings.note_wrong(
            f"async call {call_id} of {x} is lost: {answer.status_code} {answer.text[:80]}"
        )


def _shorten(text: str) -> str:
    line = next((each for each in text.splitlines() if "error" in each), text.strip()[-100:])
    return "".join("#" if each.isdigit() else each for each in line)[:150]
