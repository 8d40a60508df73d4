"""Measures redeploys after a one-line change of the code: from the command's start to the first 200 of the new code through PUB.

Other threads call the job during the redeploys; none of these calls may fail.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
RACETRACK = ROOT / "venv/bin/racetrack"
PAYLOAD = {"numbers": [40, 2]}
REMOTES = {"process": "http://127.0.0.1:7202", "docker": "http://127.0.0.1:7102"}
"""The URL of each target's stack, which RACETRACK_REMOTE overrides."""


@dataclass
class Load:
    """Calls the job continuously in some threads, counts the calls, and collects the failures."""

    url: str
    headers: dict[str, str]
    threads: int = 2
    calls: int = 0
    failures: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _workers: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> "Load":
        self._workers = [threading.Thread(target=self._call) for _ in range(self.threads)]
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for worker in self._workers:
            worker.join()

    def _call(self) -> None:
        with httpx.Client(headers=self.headers, timeout=30) as client:
            while not self._stop.is_set():
                try:
                    response = client.post(self.url, json=PAYLOAD)
                    if response.status_code != 200 or response.json() != 42:
                        self.failures.append(f"{response.status_code} {response.text[:200]}")
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                self.calls += 1
                self._stop.wait(0.01)


@dataclass
class Adder:
    """A copy of the sample adder whose code can change."""

    directory: Path
    environment: Mapping[str, str]
    changes: int = 0

    def change(self) -> None:
        """Change one line of its code, as its author would."""
        self.changes += 1
        code = (ROOT / "sample/python-class/adder.py").read_text()
        changed = code.replace('"""Add numbers', f'"""Change {self.changes}: add numbers', 1)
        if changed == code:
            raise SystemExit("the sample has no line to change any more; correct this benchmark")
        (self.directory / "adder.py").write_text(changed)

    def deploy(self) -> "subprocess.Popen[str]":
        """Start to deploy the copy."""
        return subprocess.Popen(
            [RACETRACK, "deploy", self.directory, "--build-context", "local", "--force"],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def cli(self, *arguments: str) -> str:
        """Run another racetrack command and return its output; exit with its message when it fails."""
        done = subprocess.run(
            [RACETRACK, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"racetrack {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout.strip()


def deploy_to_200(adder: Adder, base_url: str, headers: dict[str, str]) -> float:
    """Return the seconds from the start of `racetrack deploy --force` to the first 200 of the new code."""
    with httpx.Client(headers=headers, timeout=30) as client:
        before = client.get(f"{base_url}/live").json()["deployment_timestamp"]
        while int(time.time()) <= int(
            before
        ):  # the deployment timestamps of two instances differ only if their seconds do
            time.sleep(0.05)
        adder.change()
        started = time.monotonic()
        command = adder.deploy()
        while client.get(f"{base_url}/live").json()["deployment_timestamp"] == before:
            if command.poll() not in (None, 0):
                raise SystemExit(f"the deployment failed: {command.communicate()[1]}")
            time.sleep(0.01)
        response = client.post(f"{base_url}/api/v1/perform", json=PAYLOAD)
        elapsed = time.monotonic() - started
        response.raise_for_status()
        if command.wait():
            raise SystemExit(f"the deployment failed: {command.communicate()[1]}")
        return elapsed


def environment_for(target: str) -> dict[str, str]:
    """Return the variables that point the command line to the stack of the target, whatever its login is."""
    lines = (ROOT / ".env").read_text().splitlines()
    token = next(line.partition("=")[2] for line in lines if line.startswith("ADMIN_TOKEN="))
    ours = {"RACETRACK_REMOTE": REMOTES.get(target, ""), "RACETRACK_AUTH_TOKEN": token}
    return ours | os.environ


def main() -> None:
    """Print the measurements and write them to .bench/deploy-<target>.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--target",
        default="process",
        help="the infrastructure target of the running stack (name of the result file)",
    )
    parser.add_argument("--rounds", type=int, default=5, help="redeploys that are timed")
    parser.add_argument("--redeploys", type=int, default=20, help="redeploys in all under load")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as directory:
        adder = Adder(Path(directory) / "adder", environment_for(options.target))
        measure(adder, options)


def measure(adder: Adder, options: argparse.Namespace) -> None:
    """Deploy the job repeatedly, without and with load, and write the results."""
    shutil.copytree(ROOT / "sample/python-class", adder.directory)
    adder.cli("deploy", str(adder.directory), "--build-context", "local", "--force")
    base_url = f"{adder.cli('get', 'pub', '-q')}/job/adder/latest"
    headers = {"X-Racetrack-Auth": adder.cli("get", "auth-token")}

    seconds = [deploy_to_200(adder, base_url, headers) for _ in range(options.rounds)]
    print("deploy to first 200, seconds:", " ".join(f"{value:.2f}" for value in seconds))
    print(f"median {statistics.median(seconds):.2f} s")
    with Load(f"{base_url}/api/v1/perform", headers) as load:
        for number in range(options.redeploys):
            deploy_to_200(adder, base_url, headers)
            print(
                f"redeploy {number + 1}/{options.redeploys}: {load.calls} calls, {len(load.failures)} failed",
                flush=True,
            )
    for failure in load.failures[:5]:
        print("failed call:", failure)

    result = ROOT / f".bench/deploy-{options.target}.json"
    result.parent.mkdir(exist_ok=True)
    result.write_text(
        json.dumps(
            {
                "deploy_to_200_s": round(statistics.median(seconds), 3),
                "failed_calls": len(load.failures),
                "calls": load.calls,
            }
        )
        + "\n"
    )
    print(f"wrote {result.relative_to(ROOT)}")
    if load.failures:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
