"""The installer of the python3 plugin, against programs that behave like uv and apt-get."""

import importlib.util
import json
import os
import stat
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "plugin/installer/install.py"


@pytest.fixture
def installer():
    spec = importlib.util.spec_from_file_location("installer", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A function that puts a shell script on PATH; the script notes its calls."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def write(name, script):
        path = tmp_path / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>{tmp_path}/calls\n{script}\n')
        path.chmod(path.stat().st_mode | stat.S_IEXEC)
        return tmp_path

    return write


def read_calls(directory):
    return (directory / "calls").read_text().splitlines()


def test_without_secrets_the_variables_are_those_of_the_image(installer, tmp_path):
    variables = installer.make_variables({"COLOR": "red"}, tmp_path / "none")

    assert variables["COLOR"] == "red"
    assert variables["UV_LINK_MODE"] == "copy"


def test_secrets_are_read_as_a_shell_reads_them(installer, tmp_path):
    secrets = tmp_path / "build_secrets.env"
    secrets.write_text('TOKEN="a \\"b\\" \\$HOME \\`id\\` \\\\"\nLINES="one\ntwo"\nPLAIN=x\n')

    variables = installer.make_variables({"PATH": os.environ["PATH"], "PLAIN": "image"}, secrets)

    assert variables["TOKEN"] == 'a "b" $HOME `id` \\'
    assert variables["LINES"] == "one\ntwo"
    assert variables["PLAIN"] == "x"


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ({"PIP_INDEX_URL": "a"}, "UV_DEFAULT_INDEX", "a"),
        ({"PIP_EXTRA_INDEX_URL": "b", "UV_INDEX": "c"}, "UV_INDEX", "c"),
        ({"PIP_FIND_LINKS": ""}, "UV_FIND_LINKS", None),
    ],
)
def test_variables_for_pip_count_for_uv_unless_uv_has_its_own(
    installer, tmp_path, given, name, value
):
    assert installer.make_variables(given, tmp_path / "none").get(name) == value


def test_requirements_are_installed_with_the_wrapper_in_one_go(installer, programs, monkeypatch):
    directory = programs("uv", "")
    (directory / "wrapper.whl").touch()
    monkeypatch.setattr(installer, "WHEELS", directory)
    venv = directory / "venv"
    installed = venv / "lib/python3.13/site-packages"
    for name, url in (("Flowers", ""), ("lib", '{"vcs_info": {"commit_id": "0123456789abcdef"}}')):
        info = installed / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
        (info / "direct_url.json").write_text(url)

    assert installer.main(["job", str(venv), "--requirements", "my requirements.txt"]) == 0

    made, installed = read_calls(directory)
    assert made.startswith("uv venv")
    assert made.endswith(f" {venv}")
    assert "--compile-bytecode" in installed
    assert installed.endswith(f" {directory}/wrapper.whl --requirements my requirements.txt")
    packages = json.loads((venv / "packages.json").read_text())
    assert packages["resolved"] == {"Flowers": "1.0", "lib": "1.0 at commit 0123456789"}


def test_a_compiler_and_git_are_installed_only_when_they_are_needed(
    installer, programs, tmp_path, capfd
):
    directory = programs("apt-get", f'touch "{tmp_path}/has-$5"')
    programs(
        "uv",
        f"""
[ "$1" = pip ] || exit 0
[ -e {tmp_path}/has-git ] || {{ echo "Git executable not found. Ensure that Git is installed" >&2; exit 2; }}
[ -e {tmp_path}/has-build-essential ] || {{ echo "  x Failed to build tiny-c" >&2; exit 1; }}
echo "Installed 2 packages"
""",
    )

    assert installer.install("/venv", [], dict(os.environ)) == 0

    installs = [call for call in read_calls(directory) if call.startswith("apt-get -qq install")]
    assert [call.split()[-1] for call in installs] == ["git", "build-essential"]
    output = capfd.readouterr().out
    assert "a requirement needs git: installing it, and trying again" in output
    assert "Installed 2 packages" in output


def test_a_build_that_fails_with_a_compiler_is_not_tried_for_ever(installer, programs):
    directory = programs("apt-get", "")
    programs("uv", '[ "$1" = venv ] || { echo "Failed to build broken"; exit 1; }')

    assert installer.install("/venv", [], dict(os.environ)) == 1

    assert len([call for call in read_calls(directory) if call.startswith("uv pip")]) == 2


def test_requirements_that_do_not_exist_need_no_compiler(installer, programs, capfd):
    directory = programs(
        "uv", '[ "$1" = venv ] || { echo "no such package: nothing-like-it"; exit 1; }'
    )

    assert installer.install("/venv", [], dict(os.environ)) == 1

    assert [call.split()[1] for call in read_calls(directory)] == ["venv", "pip"]
    assert "no such package" in capfd.readouterr().out


def test_modules_that_hardly_any_job_imports_are_not_compiled(installer):
    assert installer.UNCOMPILED.search("/usr/local/lib/python3.13/test/test_os.py")
    assert not installer.UNCOMPILED.search("/usr/local/lib/python3.13/unittest/case.py")


@pytest.mark.parametrize("arguments", [[], ["everything"]])
def test_an_unknown_step_is_refused(installer, arguments, capsys):
    assert installer.main(arguments) == 2
    assert "install.py job VENV" in capsys.readouterr().err
