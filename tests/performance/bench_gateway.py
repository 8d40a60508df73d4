"""Measures the gateway beside nginx as a proxy of the same job, beside the job without a proxy, and beside an older commit.

All run on this machine: the proxy under test on one core, load generator and job on another, each with one process. Each
scenario takes its targets in turn, several times, and the medians are printed and written to `.bench/gateway.json`.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
LIFECYCLE = Path(__file__).with_name("fake_lifecycle.py")
COMPONENTS = ("pub", "racetrack_commons", "racetrack_client")
TOOLS = {"nginx": "nginx-light", "wrk": "wrk"}
TOKEN = "a.bench.z"
JOB = "/pub/job/adder/1.0.0"
CALL, LARGE = f"{JOB}/perform", f"{JOB}/large"
JOB_CORE = LOAD_CORE = "1"
PROXY_CORE = "0"
LARGE_BYTES = 1024 * 1024
_CALL_SCRIPT = """
wrk.method = "POST"
wrk.body = '{"numbers": [40, 2]}'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["X-Racetrack-Auth"] = "a.bench.z"
"""
_LARGE_SCRIPT = 'wrk.headers["X-Racetrack-Auth"] = "a.bench.z"\n'
_MANY_SCRIPT = (
    _CALL_SCRIPT
    + """
local requests = {}
local at = 0
init = function(args)
  for number = 1, COUNT do
    requests[number] = wrk.format(nil, string.format("PATH", number))
  end
end
request = function()
  at = at % COUNT + 1
  return requests[at]
end
"""
)
_NGINX = """
worker_processes 1;
daemon off;
pid {folder}/{name}.pid;
error_log {folder}/{name}-error.log;
events {{ worker_connections 4096; }}
http {{
  access_log {folder}/{name}-access.log combined buffer=64k flush=1s;
  client_body_temp_path {folder}/{name}-body;
  proxy_temp_path {folder}/{name}-proxy;
  fastcgi_temp_path {folder}/{name}-fastcgi;
  uwsgi_temp_path {folder}/{name}-uwsgi;
  scgi_temp_path {folder}/{name}-scgi;
  keepalive_requests 100000000;
  sendfile on;
  {server}
}}
"""
_JOB_SERVER = """access_log off;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    default_type application/json;
    location = /live {{ return 200 '{{"live": true}}'; }}
    location ~ /large$ {{ alias {folder}/large; }}
    location / {{ return 200 '{{"result": 42.00000}}'; }}
  }}"""
_PROXY_SERVER = """upstream job {{ server 127.0.0.1:{job_port}; keepalive 512; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ proxy_pass http://job; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}"""


@dataclass
class Target:
    """A server that load is sent to."""

    name: str
    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Return the seconds of CPU that its processes have taken."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(sum(each.cpu_times()[:2]) for each in family)

    def resident_mib(self) -> float:
        """Return the resident memory of its processes in MiB."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(each.memory_info().rss for each in family) / 2**20


@dataclass(frozen=True)
class Scenario:
    """One kind of load."""

    name: str
    path: str
    connections: int
    script: str
    targets: tuple[str, ...] = ("pub", "nginx", "before", "direct")


@dataclass
class Samples:
    """The measurements of one target in one scenario."""

    rps: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    def summarize(self) -> dict[str, float]:
        """Return the median of each measurement."""
        return {name: round(statistics.median(values), 3) for name, values in vars(self).items()}


def main() -> None:
    """Start everything, measure, print, and write the results."""
    options = _read_options()
    for tool, package in TOOLS.items():
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is missing: apt-get install {package}")
    if (os.cpu_count() or 1) < 2:
        sys.exit(
            "this benchmark needs two cores: one for the proxy under test, one for load and job"
        )
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        bench = Bench(Path(name), stack, options)
        results = bench.measure_all()
    _print_table(results)
    target = ROOT / ".bench/gateway.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(results, indent=2) + "\n")
    print(f"written to {target.relative_to(ROOT)}")


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", default="", help="the commit to compare with; none by default")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--seconds", type=int, default=2, help="of each measurement; wrk takes whole ones"
    )
    parser.add_argument("--only", default="", help="the names of scenarios, separated by commas")
    parser.add_argument("--paths-calls", type=int, default=1_000_000, help="0 leaves that out")
    return parser.parse_args()


class Bench:
    """The servers of one run, and what is measured of them."""

    def __init__(
        self, folder: Path, stack: contextlib.ExitStack, options: argparse.Namespace
    ) -> None:
        self._folder = folder
        self._stack = stack
        self._options = options
        (folder / "large").write_bytes(b"x" * LARGE_BYTES)
        job_port, lifecycle_port = _find_port(), _find_port()
        job = self._start_nginx("direct", _JOB_SERVER, JOB_CORE, port=job_port)
        proxy = self._start_nginx("nginx", _PROXY_SERVER, PROXY_CORE, job_port=job_port)
        self._start([sys.executable, str(LIFECYCLE), str(lifecycle_port), str(job_port)], LOAD_CORE)
        self._lifecycle_url = f"http://127.0.0.1:{lifecycle_port}/lifecycle"
        _wait_for(lifecycle_port)
        self._targets = {each.name: each for each in (job, proxy, self._start_pub("pub", ROOT))}
        if options.before:
            self._targets["before"] = self._start_pub("before", self._check_out(options.before))

    def measure_all(self) -> dict[str, object]:
        """Measure all scenarios."""
        call, large, many = self._write_scripts()
        scenarios = [
            *(Scenario(f"c{count}", CALL, count, call) for count in (1, 16, 64, 256)),
            Scenario("stream_1mib", LARGE, 16, large),
            Scenario("jobs_10000", CALL, 64, many, ("pub", "nginx")),
        ]
        chosen = set(filter(None, self._options.only.split(",")))
        results: dict[str, object] = {}
        for scenario in scenarios:
            if not chosen or scenario.name in chosen:
                results[scenario.name] = self._measure(scenario)
        pub = self._targets["pub"]
        results["memory_mib"] = {"after_calls": round(pub.resident_mib(), 1)}
        if self._options.paths_calls and not chosen:
            results["memory_mib"] = self._measure_memory(self._options.paths_calls)
        return results

    def _measure(self, scenario: Scenario) -> dict[str, dict[str, float]]:
        targets = [self._targets[name] for name in scenario.targets if name in self._targets]
        samples = {target.name: Samples() for target in targets}
        for target in targets:
            _load(target, scenario, 1 if scenario.name != "jobs_10000" else 15)
        for _ in range(self._options.rounds):
            for target in targets:
                _note(samples[target.name], target, scenario, self._options.seconds)
        measured = {name: sample.summarize() for name, sample in samples.items()}
        print(scenario.name, json.dumps(measured), flush=True)
        return measured

    def _measure_memory(self, calls: int) -> dict[str, float]:
        """Return the resident memory over calls with 10 000 distinct paths."""
        script = self._write("paths.lua", _MANY_SCRIPT, f"{CALL}?path=%d")
        scenario = Scenario("paths", CALL, 64, script)
        pub, done = self._targets["pub"], 0.0
        seen: list[float] = []
        while done < calls:
            done += _load(pub, scenario, 5)["requests"]
            seen.append(pub.resident_mib())
        return {"first": round(seen[0], 1), "last": round(seen[-1], 1), "most": round(max(seen), 1)}

    def _write_scripts(self) -> tuple[str, str, str]:
        many = self._write("many.lua", _MANY_SCRIPT, "/pub/job/job-%d/1.0.0/perform")
        return self._write("call.lua", _CALL_SCRIPT), self._write("large.lua", _LARGE_SCRIPT), many

    def _write(self, name: str, script: str, path: str = "") -> str:
        file = self._folder / name
        file.write_text(script.replace("COUNT", "10000").replace("PATH", path))
        return str(file)

    def _start_nginx(self, name: str, server: str, core: str, **ports: int) -> Target:
        port = ports.pop("port", 0) or _find_port()
        filled = server.format(port=port, folder=self._folder, **ports)
        file = self._folder / f"{name}.conf"
        file.write_text(_NGINX.format(folder=self._folder, name=name, server=filled))
        process = self._start(["nginx", "-p", str(self._folder), "-c", str(file)], core)
        _wait_for(port)
        return Target(name, port, process)

    def _start_pub(self, name: str, code: Path) -> Target:
        port = _find_port()
        settings = {
            "PYTHONPATH": ":".join(str(code / component) for component in COMPONENTS),
            "PUB_PORT": str(port),
            "LIFECYCLE_URL": self._lifecycle_url,
            "LIFECYCLE_AUTH_TOKEN": TOKEN,
            "DEVELOPMENT_MODE": "true",
        }
        process = self._start([sys.executable, "-m", "pub"], PROXY_CORE, settings)
        _wait_for(port)
        headers = {"X-Racetrack-Auth": TOKEN}
        request = urllib.request.Request(f"http://127.0.0.1:{port}{CALL}", headers=headers)
        urllib.request.urlopen(request, timeout=20).read()
        return Target(name, port, process)

    def _start(
        self, command: list[str], core: str, settings: dict[str, str] | None = None
    ) -> psutil.Process:
        log = self._stack.enter_context(
            (self._folder / f"{len(command)}-{time.time()}.log").open("wb")
        )
        process = subprocess.Popen(
            ["taskset", "-c", core, *command],
            env={**os.environ, **(settings or {})},
            cwd=self._folder,
            stdout=log,
            stderr=log,
        )
        self._stack.callback(_stop, process)
        return psutil.Process(process.pid)

    def _check_out(self, commit: str) -> Path:
        code = self._folder / "before"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run(
            [*git, "add", "--detach", str(code), commit], check=True, capture_output=True
        )
        self._stack.callback(
            subprocess.run, [*git, "remove", "--force", str(code)], check=True, capture_output=True
        )
        return code


def _note(samples: Samples, target: Target, scenario: Scenario, seconds: int) -> None:
    before = target.cpu_seconds()
    measured = _load(target, scenario, seconds)
    cpu = target.cpu_seconds() - before
    samples.rps.append(measured["rps"])
    samples.p50_ms.append(measured["p50_ms"])
    samples.p99_ms.append(measured["p99_ms"])
    samples.cpu_us.append(cpu / max(1, measured["requests"]) * 1e6)


def _load(target: Target, scenario: Scenario, seconds: int) -> dict[str, float]:
    """Send load for a while; return what wrk measured."""
    url = f"http://127.0.0.1:{target.port}{scenario.path}"
    command = [
        "taskset",
        "-c",
        LOAD_CORE,
        "wrk",
        "-t1",
        f"-c{scenario.connections}",
        f"-d{seconds}s",
    ]
    report = Path(scenario.script).with_suffix(".json")
    script = Path(scenario.script).with_suffix(".reporting.lua")
    script.write_text(Path(scenario.script).read_text() + _REPORT.replace("FILE", str(report)))
    subprocess.run([*command, "-s", str(script), url], check=True, capture_output=True)
    measured: dict[str, float] = json.loads(report.read_text())
    if measured["errors"]:
        sys.exit(f"{target.name} failed {measured['errors']:.0f} calls in {scenario.name}")
    return measured


_REPORT = """
done = function(summary, latency, requests)
  local errors = summary.errors
  local file = io.open("FILE", "w")
  file:write(string.format(
    '{"requests": %d, "rps": %f, "p50_ms": %f, "p99_ms": %f, "errors": %d}',
    summary.requests, summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
  file:close()
end
"""


def _print_table(results: dict[str, object]) -> None:
    print(f"\n{'':13}{'target':8}{'rps':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU µs':>9}{'of nginx':>10}")
    for name, measured in results.items():
        if not isinstance(measured, dict) or "pub" not in measured:
            print(f"{name:13}{json.dumps(measured)}")
            continue
        for target, values in measured.items():
            ratio = values["rps"] / measured["nginx"]["rps"]
            row = "".join(f"{values[key]:9.2f}" for key in ("rps", "p50_ms", "p99_ms", "cpu_us"))
            print(f"{name:13}{target:8}{row}{ratio:10.2f}")


def _find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(1200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    sys.exit(f"no process listens at port {port}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
