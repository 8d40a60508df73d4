"""Measures what other callers notice of idle connections, slow heads, large bodies, registrations and random tokens.

Run by hand on an idle machine: `PYTHONPATH=tests venv/bin/python tests/stress/hostile_clients.py`. It starts a stack of its own
on loopback, and takes about six minutes. It prints the latency of other callers as a ratio to a quiet platform, the memory that
services gained, and the connections that are left. The exit code says whether the bounds were kept.

Strangers bring machines of their own: the platform, its jobs and the measured callers share one half of the cores, and attackers
have the other half, when all is quiet too. Quiet times and attacks take turns, and the ratio is the median of their pairs.
Connections that are held are open before the measurement begins. It covers what they cost from then on: services close them
when they are too many or too old, and attackers open others in their place, 250 a second at each service.
"""

import argparse
import os
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from stacks.embedded import EmbeddedStack, start_embedded_stack
from strangers import ATTACKS, SERVICES, Attack, Attackers, Ports

MEBI = 2**20
MOST_RATIO = 2.0
MOST_MEBI = 100
MOST_LEFT = 10
"""The connections between services that may be more than before, when those of attackers are gone."""
LINE = "{:<16} {:>12} {:>12} {:>9} {:>12} {:>12} {:>9}  {}"


@dataclass
class Latencies:
    """The seconds of the calls of a thread, which calls until the block ends; it leaves most of a core free."""

    client: httpx.Client
    method: str
    path: str
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @contextmanager
    def measuring(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._call, args=(stop,))
        thread.start()
        yield
        stop.set()
        thread.join()

    def percentile(self, share: float) -> float:
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000

    def _call(self, stop: threading.Event) -> None:
        body = {"numbers": [40, 2]} if self.method == "POST" else None
        while not stop.wait(0.02):
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
class Measurement:
    """The latencies of the API and of calls, the processor time of the attackers, and the memory that services took."""

    latencies: list[Latencies]
    cores: float
    memory: dict[str, float]


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
            and self.left <= MOST_LEFT
            and not self.failures
        )


@dataclass(frozen=True)
class Platform:
    """The stack under attack, and its callers."""

    stack: EmbeddedStack
    ports: Ports
    pids: dict[str, int]
    attacker_cores: set[int]

    def measure(self, seconds: float, attack: Attack) -> "Measurement":
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
            attackers = Attackers(attack, self.ports, self.attacker_cores)
            pids = stack.enter_context(attackers.attacking())
            for each in latencies:
                stack.enter_context(each.measuring())
            begun = sum(map(read_cpu_seconds, pids))
            time.sleep(seconds)
            cores = (sum(map(read_cpu_seconds, pids)) - begun) / seconds
            return Measurement(latencies, cores, self.memory())

    def memory(self) -> dict[str, float]:
        return {name: read_memory(pid) for name, pid in self.pids.items()}

    def count_connections(self) -> int:
        return sum(
            sum(1 for each in Path(f"/proc/{pid}/fd").iterdir() if is_socket(each))
            for pid in self.pids.values()
        )


def divide_cores() -> set[int]:
    """Keep half of the cores for the platform and its callers, and return the others; one core is shared."""
    cores = sorted(os.sched_getaffinity(0))
    half = max(1, len(cores) // 2)
    os.sched_setaffinity(0, cores[:half])
    return set(cores[half:] or cores)


def read_cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read_memory(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def is_socket(descriptor: Path) -> bool:
    with suppress(OSError):
        return str(descriptor.readlink()).startswith("socket:")
    return False


def try_attack(platform: Platform, name: str, seconds: float, rounds: int) -> Outcome:
    before, open_before = platform.memory(), platform.count_connections()
    pairs, gained = [], dict.fromkeys(before, 0.0)
    for _ in range(rounds):
        quiet = platform.measure(seconds, {})
        attacked = platform.measure(seconds, ATTACKS[name])
        pairs.append((quiet, attacked))
        for service, now in attacked.memory.items():
            gained[service] = max(gained[service], now - before[service])
        time.sleep(3)
    left = platform.count_connections() - open_before
    failures = [
        each for _, attacked in pairs for one in attacked.latencies for each in one.failures
    ]
    comparisons = [compare(pairs, caller) for caller in range(2)]
    notes = (
        f"+{max(gained.values()):.0f} MiB, {left} connections left, {len(failures)} failures,"
        f" attackers took {statistics.median(attacked.cores for _, attacked in pairs):.1f} cores"
    )
    figures = [figure for one in comparisons for figure in one.figures]
    sys.stdout.write(LINE.format(name, *figures, notes) + "\n")
    sys.stdout.flush()
    return Outcome(name, [one.ratio for one in comparisons], gained, left, failures)


@dataclass(frozen=True)
class Comparison:
    """The 99th percentiles of one caller in milliseconds: medians of all rounds."""

    quiet: float
    attacked: float
    ratio: float

    @property
    def figures(self) -> tuple[str, str, str]:
        return f"{self.quiet:.1f} ms", f"{self.attacked:.1f} ms", f"{self.ratio:.1f}"


def compare(pairs: list[tuple[Measurement, Measurement]], caller: int) -> Comparison:
    quiet = [one.latencies[caller].percentile(0.99) for one, _ in pairs]
    attacked = [one.latencies[caller].percentile(0.99) for _, one in pairs]
    ratios = [after / before for before, after in zip(quiet, attacked, strict=True)]
    return Comparison(*map(statistics.median, (quiet, attacked, ratios)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("attacks", nargs="*", help=f"some of: {', '.join(ATTACKS)} (default: all)")
    parser.add_argument("--seconds", type=float, default=8, help="the time of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="the pairs of measurements")
    options = parser.parse_args()
    cores = divide_cores()
    if cores == os.sched_getaffinity(0):
        sys.stdout.write("the attackers share the only core with the platform\n")
    stack = start_embedded_stack()
    try:
        stack.racetrack("deploy", "sample/python-class")
        ports = {name: int(stack.environment[variable]) for name, variable in SERVICES.items()}
        pids = {name: stack.service_pid(name) for name in SERVICES}
        platform = Platform(stack, ports, pids, cores)
        titles = ("api quiet", "api attacked", "ratio", "calls quiet", "attacked", "ratio", "")
        sys.stdout.write(LINE.format("attack", *titles) + "\n")
        platform.measure(3, {})
        outcomes = [
            try_attack(platform, name, options.seconds, options.rounds)
            for name in options.attacks or ATTACKS
        ]
    finally:
        stack.stop()
    return 0 if all(one.is_within_bounds for one in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
