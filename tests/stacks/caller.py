"""A thread that calls a job while a test does something to the platform."""

import threading
from datetime import UTC, datetime
from typing import Self

import httpx

from stacks.stack import Stack


class Caller(threading.Thread):
    """Calls a job repeatedly while its block runs, and collects the failures."""

    def __init__(self, stack: Stack, path: str, payload: object) -> None:
        super().__init__()
        self.stack, self.path, self.payload = stack, path, payload
        self.failures: list[tuple[str, int, str]] = []
        """Time, status and body of each answer that was not 200."""
        self.calls = 0
        self.stopped = threading.Event()

    def run(self) -> None:
        with httpx.Client(
            headers={"X-Racetrack-Auth": self.stack.admin_token}, timeout=30
        ) as client:
            while not self.stopped.wait(0.02):
                response = client.post(f"{self.stack.pub_url}/job/{self.path}", json=self.payload)
                self.calls += 1
                if response.status_code != 200:
                    now = datetime.now(UTC).isoformat(timespec="milliseconds")
                    self.failures.append((now, response.status_code, response.text))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.join()
