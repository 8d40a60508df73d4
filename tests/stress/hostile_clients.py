"""Measures what other callers notice of idle connections, slow heads, large bodies, registrations and random tokens.

Run by hand on an idle machine: `PYTHONPATH=tests venv/bin/python tests/stress/hostile_clients.py`. It starts a stack of its own
on loopback, and takes about four minutes. It prints the latency of other callers as a ratio to a quiet platform, the memory that
services gained, and the connections that are left. The exit code says whether the bounds were kept.
"""

import argparse
import multiprocessing
import os
import resource
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from stacks.embedded import EmbeddedStack, start_embedded_stack

SERVICES = {
    "lifecycle": "LIFECYCLE_PORT",
    "pub": "PUB_PORT",
    "image-builder": "IMAGE_BUILDER_PORT",
    "lifecycle-supervisor": "SUPERVISOR_PORT",
}
MEBI = 2**20
MOST_RATIO = 2.0
MOST_MEBI = 100
LINE = "{:<16} {:>12} {:>12} {:>9} {:>12} {:>12} {:>9}  {}"
Ports = dict[str, int]


@dataclass
class Latencies:
    """The seconds of the calls of some threads, which call until the block ends."""

    client: httpx.Client
    method: str
    path: str
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @contextmanager
    def measuring(self) -> Iterator[None]:
        stop = threading.Event()
        threads = [threading.Thread(target=self._call, args=(stop,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        yield
        stop.set()
        for thread in threads:
            thread.join()

    def percentile(self, share: float) -> float:
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000

    def _call(self, stop: threading.Event) -> None:
        body = {"numbers": [40, 2]} if self.method == "POST" else None
        while not stop.wait(0.01):
            begun_at = time.perf_counter()
            try:
                answer = self.client.request(self.method, self.path, json=body)
            except httpx.HTTPError as error:
                self.failures.append(repr(error))
                continue
            self.seconds.append(time.perf_counter() - begun_at)
            if answer.status_code != 200:
                self.failures.append(f"{answer.status_code} {answer.text[:80]}")


@dataclass(frozen=True)
class Outcome:
    """The result of one attack."""

    name: str
    ratios: list[float]
    gained: dict[str, float]
    left: int
    failures: list[str]

    @property
    def is_within_bounds(self) -> bool:
        return (
            max(self.ratios) <= MOST_RATIO
            and max(self.gained.values()) <= MOST_MEBI
            and not self.failures
        )


@dataclass(frozen=True)
class Platform:
    """The stack under attack, and its callers."""

    stack: EmbeddedStack
    ports: Ports
    pids: dict[str, int]

    def measure(self, seconds: float, attack: Callable[[Ports], None] | None) -> list[Latencies]:
        url, headers = f"http://{self.stack.host}", {"X-Racetrack-Auth": self.stack.admin_token}
        with ExitStack() as stack:
            latencies = []
            for port, method, path in (
                (self.ports["lifecycle"], "GET", "/lifecycle/api/v1/job"),
                (self.ports["pub"], "POST", "/pub/job/adder/latest/api/v1/perform"),
            ):
                base = f"{url}:{port}"
                client = httpx.Client(base_url=base, headers=headers, timeout=60, trust_env=False)
                latencies.append(Latencies(stack.enter_context(client), method, path))
            stack.enter_context(attacking(attack, self.ports))
            time.sleep(1)
            for each in latencies:
                stack.enter_context(each.measuring())
            time.sleep(seconds)
        return latencies

    def memory(self) -> dict[str, float]:
        return {name: read_memory(pid) for name, pid in self.pids.items()}

    def count_connections(self) -> int:
        return sum(
            sum(1 for each in Path(f"/proc/{pid}/fd").iterdir() if is_socket(each))
            for pid in self.pids.values()
        )


def hold_idle_connections(ports: Ports) -> None:
    hold_connections(ports, 5000, b"")


def send_slow_heads(ports: Ports) -> None:
    hold_connections(ports, 200, b"GET / HTTP/1.1\r\nHost: h\r\nX-Slow: ")


def hold_connections(ports: Ports, count: int, begun: bytes) -> None:
    """Open connections to each service, send the beginning, and then now and then a byte."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for port in ports.values():
        threading.Thread(target=hold_some, args=(port, count, begun), daemon=True).start()
    time.sleep(600)


def hold_some(port: int, count: int, begun: bytes) -> None:
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    part = begun
    while True:
        for connection in connections:
            with suppress(OSError):
                connection.sendall(part)
        part = begun and b"x"
        time.sleep(1)


def send_large_bodies(ports: Ports) -> None:
    """Send 100 bodies of 300 MB to log-in."""
    with ThreadPoolExecutor(100) as clients:
        list(clients.map(send_large_body, [ports["lifecycle"]] * 100))


def send_large_body(port: int) -> None:
    head = "POST /lifecycle/api/v1/users/login HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(f"{head}Content-Length: {300 * 10**6}\r\n\r\n".encode())
        for _ in range(300):
            connection.sendall(b" " * 10**6)
        connection.recv(1000)


def register_at_once(ports: Ports) -> None:
    url = f"http://127.0.0.1:{ports['lifecycle']}/lifecycle/api/v1/users/register"
    repeat(200, lambda client: client.post(url, json={"username": word(), "password": word()}))


def show_random_tokens(ports: Ports) -> None:
    url = f"http://127.0.0.1:{ports['pub']}/pub/job/adder/latest/api/v1/perform"

    def call(client: httpx.Client) -> object:
        token = f"{word()}.{word()}.{word()}"
        return client.post(url, json={}, headers={"X-Racetrack-Auth": token})

    repeat(200, call)


def repeat(count: int, send: Callable[[httpx.Client], object]) -> None:
    """Let some clients send the same kind of request again and again."""

    def go_on() -> None:
        with httpx.Client(timeout=60, trust_env=False) as client:
            while True:
                with suppress(httpx.HTTPError):
                    send(client)

    for _ in range(count):
        threading.Thread(target=go_on, daemon=True).start()
    time.sleep(600)


def word() -> str:
    return f"w{secrets.token_hex(12)}"


ATTACKS: dict[str, Callable[[Ports], None]] = {
    "idle": hold_idle_connections,
    "slow heads": send_slow_heads,
    "large bodies": send_large_bodies,
    "registrations": register_at_once,
    "random tokens": show_random_tokens,
}


@contextmanager
def attacking(attack: Callable[[Ports], None] | None, ports: Ports) -> Iterator[None]:
    """Run an attack in a process of its own, which yields the processor to those that are measured."""
    if attack is None:
        yield
        return
    process = multiprocessing.get_context("spawn").Process(target=run_nicely, args=(attack, ports))
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def run_nicely(attack: Callable[[Ports], None], ports: Ports) -> None:
    os.nice(10)
    attack(ports)


def read_memory(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def is_socket(descriptor: Path) -> bool:
    with suppress(OSError):
        return str(descriptor.readlink()).startswith("socket:")
    return False


def try_attack(platform: Platform, name: str, seconds: float) -> Outcome:
    before, open_before = platform.memory(), platform.count_connections()
    quiet = platform.measure(seconds, None)
    attacked = platform.measure(seconds, ATTACKS[name])
    gained = {service: now - before[service] for service, now in platform.memory().items()}
    time.sleep(3)
    ratios = [b.percentile(0.99) / a.percentile(0.99) for a, b in zip(quiet, attacked, strict=True)]
    failures = [each for one in attacked for each in one.failures]
    left = platform.count_connections() - open_before
    figures = [
        figure
        for a, b, ratio in zip(quiet, attacked, ratios, strict=True)
        for figure in (
            f"{a.percentile(0.99):.1f} ms",
            f"{b.percentile(0.99):.1f} ms",
            f"{ratio:.1f}",
        )
    ]
    notes = f"+{max(gained.values()):.0f} MiB, {left} connections left, {len(failures)} failures"
    sys.stdout.write(LINE.format(name, *figures, notes) + "\n")
    sys.stdout.flush()
    return Outcome(name, ratios, gained, left, failures)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("attacks", nargs="*", help=f"some of: {', '.join(ATTACKS)} (default: all)")
    parser.add_argument("--seconds", type=float, default=15, help="the time of each measurement")
    options = parser.parse_args()
    stack = start_embedded_stack()
    try:
        stack.racetrack("deploy", "sample/python-class")
        ports = {name: int(stack.environment[variable]) for name, variable in SERVICES.items()}
        pids = {name: stack.service_pid(name) for name in SERVICES}
        platform = Platform(stack, ports, pids)
        titles = ("api quiet", "api attacked", "ratio", "calls quiet", "attacked", "ratio", "")
        sys.stdout.write(LINE.format("attack", *titles) + "\n")
        platform.measure(3, None)
        outcomes = [
            try_attack(platform, name, options.seconds) for name in options.attacks or ATTACKS
        ]
    finally:
        stack.stop()
    return 0 if all(one.is_within_bounds for one in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
