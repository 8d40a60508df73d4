"""A service as another process of its user sees it."""

import subprocess
import sys

import pytest

BECOME_ORDINARY = """
import ctypes, os
from racetrack_commons.closed_process import close_process
if os.geteuid() == 0:
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
"""
SERVE = "print('serves', flush=True); input()"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can close a process")
@pytest.mark.parametrize(("opening", "is_closed"), [("pass", False), ("close_process()", True)])
def test_a_closed_process_hides_its_variables_from_its_own_user(opening, is_closed):
    program = [sys.executable, "-c", f"{BECOME_ORDINARY}\n{opening}\n{SERVE}"]
    with subprocess.Popen(
        program,
        env={"TOP_SECRET": "x"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as service:
        assert service.stdout.readline() == "serves\n"
        seen = read_variables(service.pid)
        service.communicate("\n")

    assert ("TOP_SECRET" in seen.stdout, "PermissionError" in seen.stderr) == (
        not is_closed,
        is_closed,
    )


def read_variables(pid: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"{BECOME_ORDINARY}\nprint(open('/proc/{pid}/environ').read())"],
        capture_output=True,
        text=True,
        check=False,
    )
