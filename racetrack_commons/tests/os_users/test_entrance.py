"""Programs that start with fewer rights than the service has."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from racetrack_commons.os_users.entrance import Entrance, hide_variables, list_python_places

USER = 2_100_059_000
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
TELL = """
import json, os
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({
    "uids": os.getresuid(), "gids": os.getresgid(), "groups": os.getgroups(), "umask": os.umask(0),
    "capabilities": status["CapEff"].strip(), "privileges": status["NoNewPrivs"].strip(),
    "variables": dict(os.environ), "cwd": os.getcwd(),
}))
"""


def enter(
    code: str,
    directory: Path,
    reach: tuple[Path, ...] = (),
    user: int | None = USER,
    **variables: str,
):
    places = [*list_python_places(Path(sys.executable)), directory, *reach]
    return subprocess.run(
        Entrance(user_id=user, reach=places).make_command([sys.executable, "-I", "-S", "-c", code]),
        cwd=directory,
        env=hide_variables(variables),
        capture_output=True,
        text=True,
        check=False,
    )


def tell(*arguments, **keywords) -> dict:
    done = enter(TELL, *arguments, **keywords)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@as_root
def test_a_user_has_no_groups_no_capabilities_and_gets_no_rights_back(tmp_path):
    told = tell(tmp_path, HOME="/somewhere")

    assert told["uids"] == told["gids"] == [USER] * 3
    assert (told["groups"], told["umask"], told["privileges"]) == ([], 0o077, "1")
    assert int(told["capabilities"], 16) == 0
    assert (told["variables"]["HOME"], told["cwd"]) == ("/somewhere", str(tmp_path))


def test_the_services_own_user_gets_no_rights_back_either(tmp_path):
    told = tell(tmp_path, user=None)

    assert (told["uids"][0], told["privileges"]) == (os.geteuid(), "1")


def test_variables_of_the_program_do_not_act_on_its_entrance(tmp_path):
    done = enter(
        "print('starts')", tmp_path, LD_PRELOAD=str(tmp_path / "evil.so"), LD_DEBUG="files"
    )

    # Only the dynamic linker of the program itself, which has no rights any more, heeds them.
    lines = [line for line in done.stderr.splitlines() if "evil.so" in line]
    assert done.stdout == "starts\n"
    assert len([line for line in lines if "cannot be preloaded" in line]) == 1


@as_root
def test_what_is_named_is_reached_through_a_closed_directory_and_nothing_else(tmp_path):
    closed = tmp_path / "closed"
    mine, other = closed / "jobs/mine", closed / "jobs/other"
    for each in (mine, other):
        each.mkdir(parents=True)
        (each / "file").write_text(each.name)
        (each / "file").chmod(0o644)
        each.chmod(0o755)
    closed.chmod(0o700)

    code = f"import os; print(open('{mine}/file').read(), os.path.exists('{other}'))"
    done = enter(code, mine)

    assert done.stdout == "mine False\n", done.stderr
    assert (other / "file").read_text() == "other"


@as_root
def test_a_user_can_not_read_the_memory_of_another_nor_signal_it(tmp_path):
    code = """
import os
for attempt in (lambda: open(f"/proc/{os.getppid()}/environ").read(), lambda: os.kill(os.getppid(), 0)):
    try:
        attempt(), print("done")
    except PermissionError:
        print("refused")
"""
    assert enter(code, tmp_path).stdout.split() == ["refused"] * 2


def test_a_program_that_is_not_there_is_named(tmp_path):
    done = subprocess.run(
        Entrance().make_command(["/nowhere"]), capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr.strip()) == (
        1,
        "racetrack: /nowhere can't be started: No such file or directory",
    )
