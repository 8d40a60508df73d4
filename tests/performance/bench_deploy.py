"""Measures a forced redeploy of the adder: from the command's start to the first 200 of the new instance through PUB.

A second process-wide load of calls runs all the while; not one of them may fail.
"""

import argparse
import json
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
RACETRACK = ROOT / "venv/bin/racetrack"
PAYLOAD = {"numbers": [40, 2]}


@dataclass
class Load:
    """Calls the job without a pause, one after another, in some threads; counts and keeps what failed."""

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


def cli(*arguments: str) -> str:
    """Run the racetrack command; its output, or an exit with what it said."""
    done = subprocess.run(
        [RACETRACK, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"racetrack {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def deploy_to_200(base_url: str, headers: dict[str, str]) -> float:
    """Seconds from the start of `racetrack deploy --force` to the first 200 of the new instance."""
    with httpx.Client(headers=headers, timeout=30) as client:
        before = client.get(f"{base_url}/live").json()["deployment_timestamp"]
        while int(time.time()) <= int(
            before
        ):  # an instance is told from the one before by its second
            time.sleep(0.05)
        started = time.monotonic()
        command = subprocess.Popen(
            [RACETRACK, "deploy", "sample/python-class", "--force"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        while client.get(f"{base_url}/live").json()["deployment_timestamp"] == before:
            if command.poll() not in (None, 0):
                raise SystemExit(f"the deployment failed: {command.communicate()[1].decode()}")
            time.sleep(0.01)
        response = client.post(f"{base_url}/api/v1/perform", json=PAYLOAD)
        elapsed = time.monotonic() - started
        response.raise_for_status()
        if command.wait():
            raise SystemExit("the deployment failed")
        return elapsed


def main() -> None:
    """Print the figures and write them to .bench/deploy-<target>.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--target",
        default="process",
        help="the infrastructure target of the running stack (name of the result file)",
    )
    parser.add_argument("--rounds", type=int, default=5, help="redeploys that are timed")
    parser.add_argument("--redeploys", type=int, default=20, help="redeploys in all under load")
    options = parser.parse_args()

    base_url = f"{cli('get', 'pub', '-q')}/job/adder/latest"
    headers = {"X-Racetrack-Auth": cli("get", "auth-token")}
    cli("deploy", "sample/python-class", "--force")

    seconds = [deploy_to_200(base_url, headers) for _ in range(options.rounds)]
    print("deploy to first 200, seconds:", " ".join(f"{value:.2f}" for value in seconds))
    print(f"median {statistics.median(seconds):.2f} s")
    with Load(f"{base_url}/api/v1/perform", headers) as load:
        for number in range(options.redeploys):
            deploy_to_200(base_url, headers)
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
