"""No file of ours is invisible to ruff, mypy or import-linter."""

import os
import subprocess
import tomllib
from pathlib import Path

import grimp
import mypy.fscache
import mypy.main

ROOT = Path(__file__).parents[2]
UNTYPED_TESTS = "pytest modules: fixtures and parameters carry no annotations"
USERS_CODE = "a job or plugin as its author writes it"
OUTSIDE_PACKAGES = "a test, or a helper of tests: no component imports it"
LOADED_BY_PATH = "Alembic loads migrations by their path"


def test_ruff_reads_each_file(python_files):
    read = set()
    for words in list_commands("lint", "ruff check"):
        done = run([*words, "--show-files"])
        read |= {str(Path(line).relative_to(ROOT)) for line in done.splitlines()}

    assert sorted(set(python_files) - read) == []


def test_ruff_formats_what_it_checks():
    [[*_, formatted]] = list_commands("lint", "ruff format")
    [[*_, checked]] = list_commands("lint", "ruff check")

    assert formatted == checked == "."


def test_mypy_reads_each_file_but_tests_and_samples(python_files):
    read = set()
    for words in list_commands("typecheck", "mypy"):
        sources, _ = mypy.main.process_options(
            words[1:], require_targets=True, fscache=mypy.fscache.FileSystemCache()
        )
        read |= {os.path.relpath(source.path, ROOT) for source in sources if source.path}

    unread = {path: excuse_from_types(path) for path in sorted(set(python_files) - read)}
    assert [path for path, reason in unread.items() if reason is None] == []


def test_import_linter_reads_each_module_of_a_package(modules):
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    read = grimp.build_graph(*settings["root_packages"]).modules
    unread = {
        path: excuse_from_contracts(path) for path, module in modules.items() if module not in read
    }

    assert len(read) > len(settings["root_packages"])
    assert [path for path, reason in unread.items() if reason is None] == []


def excuse_from_types(path):
    if path.startswith(("sample/", "tests/contract/plugins/", "tests/browser/hostile/")):
        return USERS_CODE
    name = Path(path).name
    if "tests/" in path and (name.startswith("test_") or name == "conftest.py"):
        return UNTYPED_TESTS
    return None


def excuse_from_contracts(path):
    if "tests/" in path:
        return OUTSIDE_PACKAGES
    if "/migrations/versions/" in path:
        return LOADED_BY_PATH
    return None


def list_commands(target, tool):
    """The command lines of a tool that `make TARGET` runs, as lists of words."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    output = run(["make", "--dry-run", "--always-make", target], environment)
    lines = [line.split() for line in output.splitlines() if f"/{tool} " in f"{line} "]
    assert lines, f"make {target} does not call {tool}"
    return lines


def run(words, environment=None):
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout
