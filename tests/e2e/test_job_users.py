"""A job on the target `process` is not the platform: it reaches its own files and nothing else."""

import os
import sys

import pytest
from racetrack_commons.os_users.enter import read_landlock_version
from stacks.embedded import start_embedded_stack

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root may run jobs as other users"
)

ORDINARY_USER = 2_100_071_000
VICTIM = "class Job:\n    def perform(self):\n        return 1\n"
SPY = """
import multiprocessing, multiprocessing.shared_memory, os, socket, subprocess, tempfile
import urllib.error, urllib.request
from pathlib import Path

class Job:
    def perform(self, paths, address):
        host, port = address.split(":")
        others = list_others()
        return {
            "read": {path: attempt(read, Path(path)) for path in paths},
            "changed": {path: attempt(open, path, "r+b") for path in paths},
            "variables": [pid for pid in others if attempt(read, Path(f"/proc/{pid}/environ")) == "done"],
            "memory": [pid for pid in others if attempt(read, Path(f"/proc/{pid}/mem")) == "done"],
            "signals": sorted({attempt(os.kill, pid, 0) for pid in others}),
            "ports": [attempt(listen, each, int(port)) for each in (host, "0.0.0.0")],
            "call": attempt(urllib.request.urlopen, f"http://{address}/api/v1/perform", b"{}", 10),
            "writes": [
                attempt((Path(place) / "planted.py").write_text, "")
                for place in (".", os.path.dirname(os.__file__), os.environ["VIRTUAL_ENV"])
            ],
            "status": dict(line.split(":", 1) for line in open("/proc/self/status")),
        }

    def auxiliary_endpoints(self):
        return {"/work": self.work}

    def work(self):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            squares = pool.map_async(square, [3]).get(60)
        shared = multiprocessing.shared_memory.SharedMemory(create=True, size=64)
        shared.close(), shared.unlink()
        (Path.home() / "cache").write_text("kept")
        with open("/dev/stdout", "a") as log:
            print("written to /dev/stdout", file=log)
        with tempfile.NamedTemporaryFile() as file:
            place = os.path.dirname(file.name)
        return {"squares": squares, "home": os.environ["HOME"], "tmp": place,
                "modes": [os.stat(each).st_mode & 0o777 for each in (os.environ["HOME"], Path.home() / "cache")],
                "program": subprocess.run(["id", "-u"], capture_output=True, text=True).stdout.strip()}

def attempt(action, *arguments):
    try:
        action(*arguments)
        return "done"
    except urllib.error.HTTPError as error:
        return error.code
    except OSError as error:
        return type(error).__name__

def square(number):
    return number * number

def read(path):
    if path.is_dir():
        os.listdir(path)
    else:
        with path.open("rb") as file:
            file.read(1)

def list_others():
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid != os.getuid():
                found.append(int(name))
        except OSError:
            pass
    return found

def listen(host, port):
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind((host, port))
        server.listen()
"""


def test_a_job_reads_nothing_of_others_and_works(embedded_stack, job_directory):
    stack, data = embedded_stack, embedded_stack.data
    for name, code in (("victim", VICTIM), ("spy", SPY)):
        stack.racetrack("deploy", str(job_directory(name, code)))
    [image] = (data / "images/victim").glob("*/source")
    [log] = (data / "logs/jobs").glob("*victim*/*.log")
    secrets = [*(data / "secrets").iterdir()]
    home = data / "homes" / str((data / "images/victim").stat().st_gid)
    assert home.is_dir()
    closed = [
        *(data, data / "racetrack.sqlite3", data / "logs", data / "images", data / "homes"),
        *(data / "plugins", data / "workspaces", image, image / "job.yaml", home, log, *secrets),
    ]
    address = stack.api("GET", "job/victim/latest").json()["internal_name"]

    seen = stack.call(
        "spy/latest/api/v1/perform", {"paths": list(map(str, closed)), "address": address}
    ).json()

    refused = {"PermissionError", "FileNotFoundError"}
    refused_changes = refused | {"IsADirectoryError"}
    assert {path: told for path, told in seen["read"].items() if told not in refused} == {}
    assert set(seen["changed"].values()) <= refused_changes
    assert (seen["variables"], seen["memory"]) == ([], [])
    assert set(seen["signals"]) <= {"PermissionError", "ProcessLookupError"}
    assert (seen["ports"], seen["call"]) == (["OSError"] * 2, 401)
    assert "done" not in seen["writes"]
    status = {name: value.split() for name, value in seen["status"].items()}
    assert (int(status["CapEff"][0], 16), status["NoNewPrivs"], status["Groups"]) == (0, ["1"], [])
    assert int(status["Uid"][0]) >= 2_100_000_000

    worked = stack.call("spy/latest/api/v1/work", {}).json()
    assert worked == {
        "squares": [9],
        "home": str(data / "homes" / status["Uid"][0]),
        "tmp": str(data / "homes" / status["Uid"][0] / "tmp"),
        "modes": [0o700, 0o600],
        "program": status["Uid"][0],
    }
    assert "written to /dev/stdout" in stack.racetrack("logs", "spy").stdout


@pytest.fixture
def ordinary_stack():
    """A platform that an ordinary user of the machine has started."""
    stack = start_embedded_stack(user_id=ORDINARY_USER)
    yield stack
    stack.stop()


def test_a_platform_of_an_ordinary_user_runs_jobs_and_says_whom_it_trusts(
    ordinary_stack, job_directory
):
    stack, data = ordinary_stack, ordinary_stack.data
    stack.racetrack("deploy", str(job_directory("spy", SPY)))
    database = str(data / "racetrack.sqlite3")

    seen = stack.call(
        "spy/latest/api/v1/perform", {"paths": [database], "address": "127.0.0.1:9"}
    ).json()

    assert seen["status"]["Uid"].split() == [str(ORDINARY_USER)] * 4
    assert (data / "racetrack.sqlite3").stat().st_uid == ORDINARY_USER
    assert (
        "everyone who may deploy is as trusted as the platform"
        in (data / "logs/lifecycle.log").read_text()
    )
    assert seen["read"] == {database: "done"}


@pytest.fixture
def sandbox_stack():
    """A platform that an ordinary user of the machine has started, with a sandbox for jobs."""
    stack = start_embedded_stack({"JOB_SANDBOX": "true"}, user_id=ORDINARY_USER)
    yield stack
    stack.stop()


@pytest.mark.skipif(
    read_landlock_version() < 6, reason="the kernel has no Landlock that knows signals (Linux 6.12)"
)
def test_a_sandbox_keeps_a_job_from_the_platform_though_both_have_one_user(
    sandbox_stack, job_directory
):
    stack, data = sandbox_stack, sandbox_stack.data
    stack.racetrack("deploy", str(job_directory("spy", SPY)))
    services = ("lifecycle", "lifecycle-supervisor", "image-builder", "pub", "dashboard")
    closed = [
        *(data / name for name in (".", "racetrack.sqlite3", "secrets", "logs", "images")),
        *(f"/proc/{stack.service_pid(name)}/environ" for name in services),
    ]

    seen = stack.call(
        "spy/latest/api/v1/perform", {"paths": list(map(str, closed)), "address": "127.0.0.1:9"}
    ).json()

    assert seen["status"]["Uid"].split() == [str(ORDINARY_USER)] * 4
    assert set(seen["read"].values()) == {"PermissionError"}
    assert "done" not in [*seen["changed"].values(), *seen["writes"], *seen["ports"]]

    worked = stack.call("spy/latest/api/v1/work", {}).json()
    home = data / "homes/family-spy"
    assert (worked["squares"], worked["home"], worked["tmp"]) == ([9], str(home), str(home / "tmp"))
    assert "written to /dev/stdout" in stack.racetrack("logs", "spy").stdout
