"""Measures lists of 10 000 jobs, deployments and audit events, on SQLite and PostgreSQL.

They are the whole list of jobs, and a page of 50 with search and sort of each kind. The commit before this benchmark is
measured in the same run: the two services run at once, and are asked in turn.
"""

import argparse
import contextlib
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from racetrack_commons.auth.token import admin_token

ROOT = Path(__file__).resolve().parents[2]
SEED = Path(__file__).with_name("seed_jobs.py")
COMPONENTS = ("lifecycle", "racetrack_commons", "racetrack_client")
KEY = "a key of benchmarks, long enough for HS256"
ALL = "/lifecycle/api/v1/job"
PAGE = f"{ALL}?limit=50&search=family-0+python3&sort=name&manifests=false"
DEPLOYMENTS = "/lifecycle/api/v1/deploy?limit=50&search=family-0+user&sort=name&manifests=false"
EVENTS = "/lifecycle/api/v1/audit/activity?limit=50&search=family-0+deployed&sort=newest"
PAGES = {"page": PAGE, "deployments_page": DEPLOYMENTS, "events_page": EVENTS}


@dataclass
class Build:
    """A build of Lifecycle that serves a database of its own."""

    name: str
    code: Path
    environment: dict[str, str]
    port: int
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def ask(self, path: str) -> bytes:
        """Send a request on a new connection, note the seconds until its last byte, and return the body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        connection.connect()
        started = time.perf_counter()
        connection.request("GET", path, headers={"X-Racetrack-Auth": admin_token(KEY)})
        answer = connection.getresponse()
        body = answer.read()
        self.seconds.setdefault(path, []).append(time.perf_counter() - started)
        connection.close()
        if answer.status != 200:
            raise SystemExit(f"{self.name} answered {answer.status}: {body[:500]!r}")
        return body

    def warm_up(self, path: str) -> bytes:
        """Send a request that does not count."""
        body = self.ask(path)
        self.seconds[path] = []
        return body

    def find_median_ms(self, path: str) -> float:
        """Return the median of the requests to this path."""
        return round(statistics.median(self.seconds[path]) * 1000, 1)

    def find_best_ms(self, path: str) -> float:
        """Return the fastest of the requests to this path."""
        return round(min(self.seconds[path]) * 1000, 1)


def find_commit_before() -> str:
    """Return the parent of the commit that added this benchmark, and the lists that it measures."""
    path = Path(__file__).relative_to(ROOT)
    added = run_git("log", "--diff-filter=A", "--format=%H", "--", str(path)).split()
    return run_git("rev-parse", f"{added[-1]}^") if added else run_git("rev-parse", "HEAD")


def run_git(*arguments: str) -> str:
    """Run git in the clone and return its output; exit with its message when it fails."""
    done = subprocess.run(
        ["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"git {' '.join(arguments)} failed: {done.stderr}")
    return done.stdout.strip()


@contextlib.contextmanager
def check_out(commit: str, folder: Path) -> Iterator[Path]:
    """Check a commit out into a folder of its own for a while."""
    run_git("worktree", "add", "--detach", "--quiet", str(folder), commit)
    try:
        yield folder
    finally:
        run_git("worktree", "remove", "--force", str(folder))


@contextlib.contextmanager
def serve(name: str, code: Path, database: dict[str, str], jobs: int) -> Iterator[Build]:
    """Fill a database by the code of a build, and serve it for a while."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(str(code / component) for component in COMPONENTS),
            "DEVELOPMENT_MODE": "true",
            "AUTH_KEY": KEY,
            "SECRET_KEY": "a key of benchmarks",
            "HTTP_ADDR": "127.0.0.1",
            "HTTP_PORT": str(port),
            "PLUGINS_DIR": f"{folder}/plugins",
            "DB_PATH": f"{folder}/racetrack.sqlite3",
            **database,
        }
        seed = [sys.executable, str(SEED), "--jobs", str(jobs), "--others", str(jobs)]
        subprocess.run(seed, cwd=folder, env=environment, check=True)
        server = subprocess.Popen(
            [sys.executable, "-m", "lifecycle", "serve"],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until_ready(server, port)
            yield Build(name, code, environment, port)
        finally:
            server.terminate()
            server.wait()


def wait_until_ready(server: "subprocess.Popen[bytes]", port: int) -> None:
    """Wait until a service listens; exit when it ends instead."""
    while True:
        if server.poll() is not None:
            raise SystemExit(f"lifecycle ended with {server.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)


def measure(former: Build, present: Build, options: argparse.Namespace) -> dict[str, float]:
    """Ask both builds in turn; return the medians in milliseconds."""
    check_answers(former, present, options.jobs)
    for turn in range(options.rounds):
        if turn < options.former_rounds:
            former.ask(ALL)
        present.ask(ALL)
        for path in PAGES.values():
            for _ in range(5):
                present.ask(path)
    figures = {"former_all_ms": former.find_median_ms(ALL)}
    for name, path in {"all": ALL, **PAGES}.items():
        figures[f"{name}_ms"] = present.find_median_ms(path)
        figures[f"{name}_best_ms"] = present.find_best_ms(path)
    for name in ("all", "page"):
        times = figures["former_all_ms"] / figures[f"{name}_ms"]
        figures[f"{name}_times_faster"] = round(times, 1)
    return figures


def check_answers(former: Build, present: Build, jobs: int) -> None:
    """Send each request once, without counting it; exit if an answer is not as it must be."""
    before, after = json.loads(former.warm_up(ALL)), json.loads(present.warm_up(ALL))
    if before != after or len(after) != jobs:
        raise SystemExit("the two builds list different jobs")
    for path in PAGES.values():
        answer = json.loads(present.warm_up(path))
        if len(answer["events"] if path == EVENTS else answer) != min(50, jobs):
            raise SystemExit(f"{path} has not 50 items")


def list_databases() -> dict[str, dict[str, str]]:
    """Return the settings of each database that is there."""
    databases = {"sqlite": {"DB_TYPE": "sqlite"}}
    if url := os.environ.get("TEST_DATABASE_URL"):
        server = urlsplit(url)
        databases["postgres"] = {
            "DB_TYPE": "postgres",
            "POSTGRES_HOST": server.hostname or "",
            "POSTGRES_PORT": str(server.port),
            "POSTGRES_USER": server.username or "",
            "POSTGRES_DB": server.path.removeprefix("/"),
        }
    return databases


def main() -> None:
    """Print the measurements and write them to .bench/lists.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=15, help="whole lists that are timed")
    parser.add_argument("--former-rounds", type=int, default=3, help="the same of the former build")
    parser.add_argument("--before", default=find_commit_before(), help="the commit to compare with")
    options = parser.parse_args()

    figures = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        check_out(options.before, Path(folder) / "before") as former_code,
    ):
        for name, database in list_databases().items():
            schemas = [database | {"POSTGRES_SCHEMA": each} for each in ("former", "present")]
            with (
                serve("former", former_code, schemas[0], options.jobs) as former,
                serve("present", ROOT, schemas[1], options.jobs) as present,
            ):
                figures[name] = measure(former, present, options)
            print_figures(name, figures[name], options.jobs)
    write_result(figures, options)


def print_figures(database: str, figures: dict[str, float], jobs: int) -> None:
    """Print the figures of one database."""
    pages = (
        f"a page of 50 {kind} {figures[f'{name}_ms']} ms (best {figures[f'{name}_best_ms']})"
        for name, kind in zip(PAGES, ("jobs", "deployments", "events"), strict=True)
    )
    print(
        f"{database}, {jobs} jobs: all {figures['all_ms']} ms (best {figures['all_best_ms']}),"
        f" {', '.join(pages)};"
        f" the commit before: all {figures['former_all_ms']} ms"
        f" = {figures['all_times_faster']} and {figures['page_times_faster']} times as long",
        flush=True,
    )


def write_result(figures: dict[str, dict[str, float]], options: argparse.Namespace) -> None:
    """Write the figures; those at the top are of the slower database."""
    result = ROOT / ".bench/lists.json"
    result.parent.mkdir(exist_ok=True)
    slowest = {
        name: max(of_database[name] for of_database in figures.values())
        for name in ("all_ms", *(f"{page}_ms" for page in PAGES))
    }
    content = {**slowest, "jobs": options.jobs, "before": options.before, "databases": figures}
    result.write_text(json.dumps(content, indent=2) + "\n")
    print(f"wrote {result.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
