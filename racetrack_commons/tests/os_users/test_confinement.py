"""Programs that Landlock holds to some files and ports; what the kernel lacks can't be tested."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from racetrack_commons.os_users.enter import read_landlock_version
from racetrack_commons.os_users.entrance import (
    Confinement,
    Entrance,
    hide_variables,
    list_python_places,
)

USER = 2_100_059_001 if os.geteuid() == 0 else None
SYSTEM = [Path(each) for each in ("/usr", "/bin", "/lib", "/lib64", "/etc", "/proc", "/nowhere")]

pytestmark = pytest.mark.skipif(
    read_landlock_version() < 6, reason="the kernel has no Landlock that knows signals (Linux 6.12)"
)


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory that the program may change; those above it are open to all users."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        home = Path(directory).resolve() / "home"
        home.mkdir()
        if USER is not None:
            os.chown(home, USER, USER)
        yield home


def attempt_confined(home: Path, *attempts: str, ports: tuple[int, ...] = (0,)) -> list[str]:
    """Return the outcome of each expression, evaluated by a confined program."""
    code = (
        "import json, os, socket, subprocess, sys\n"
        "def attempt(code):\n"
        "    try:\n"
        "        return str(eval(code))\n"
        "    except OSError as error:\n"
        "        return type(error).__name__\n"
        "print(json.dumps([attempt(code) for code in json.loads(sys.argv[1])]))\n"
    )
    python = Path(sys.executable)
    entrance = Entrance(
        user_id=USER,
        reach=[*list_python_places(python), home],
        confinement=Confinement(
            [*SYSTEM, *list_python_places(python)], [home, Path("/dev/null")], ports
        ),
    )
    done = subprocess.run(
        entrance.make_command([str(python), "-I", "-S", "-c", code, json.dumps(attempts)]),
        cwd=home,
        env=hide_variables({}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: list[str] = json.loads(done.stdout)
    return told


def test_a_confined_program_works_in_its_own_directory(home: Path) -> None:
    assert attempt_confined(
        home,
        "open('kept', 'w').write('kept')",
        "open('kept').read()",
        "os.rename('kept', 'moved')",
        "open('/dev/null', 'w').write('x')",
        "subprocess.run(['cat', 'moved'], capture_output=True, text=True).stdout",
    ) == ["4", "kept", "None", "1", "kept"]


def test_a_confined_program_reads_and_changes_nothing_else(home: Path) -> None:
    secret = home.parent / "secret"
    secret.write_text("hidden")
    secret.chmod(0o666)

    told = attempt_confined(
        home,
        f"open('{secret}').read()",
        f"open('{secret}', 'a')",
        f"os.listdir('{home.parent}')",
        "open('/etc/passwd', 'a')",
        f"os.link('{secret}', 'linked')",
        f"subprocess.run(['cat', '{secret}'], capture_output=True, text=True).stdout",
    )

    # A link out of the reach is refused as one between two devices is.
    assert told == [*["PermissionError"] * 4, "OSError", ""]
    assert list(home.iterdir()) == []
    assert secret.read_text() == "hidden"


def test_a_confined_program_does_not_act_on_programs_of_its_own_user(home: Path) -> None:
    command = [sys.executable, "-I", "-S", "-c", "print(flush=True); input()"]
    with subprocess.Popen(
        Entrance(user_id=USER, reach=list_python_places(Path(sys.executable))).make_command(
            command
        ),
        env=hide_variables({"SECRET": "hidden"}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()

        told = attempt_confined(
            home,
            f"os.kill({other.pid}, 0)",
            f"open('/proc/{other.pid}/environ').read()",
            f"open('/proc/{other.pid}/mem', 'rb').read(1)",
        )

        assert told == ["PermissionError"] * 3
        other.communicate("\n")


def test_a_confined_program_listens_only_where_it_may(home: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        own, others = one.getsockname()[1], two.getsockname()[1]
    listen = "socket.create_server(('127.0.0.1', {})).getsockname()[1] > 0"

    told = attempt_confined(
        home, *(listen.format(each) for each in (own, others, 0)), ports=(own, 0)
    )

    assert told == ["True", "PermissionError", "True"]
