"""Two clones on one Docker engine: each removes what is its own, and nothing without being told."""

import os
import pty
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest
from stacks.compose import docker
from stacks.stack import ROOT, free_ports

pytestmark = pytest.mark.docker


class Clone:
    """A copy of what the scripts of the compose shape read; its stack is a registry, which needs no build."""

    def __init__(self, directory: Path, project: str) -> None:
        self.directory = directory
        self.environment = (
            os.environ | free_ports(("REGISTRY_PORT",)) | {"COMPOSE_PROJECT_NAME": project}
        )
        self.environment.pop("FORCE", None)
        shutil.copytree(ROOT / "compose", directory / "compose")
        for name in (".env", "docker-compose.yaml"):
            shutil.copy(ROOT / name, directory)

    def stack(self, *arguments: str, stdin: int = subprocess.DEVNULL, **variables: str):
        return subprocess.run(
            ["compose/stack", *arguments],
            cwd=self.directory,
            env=self.environment | variables,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )

    def clean_on_terminal(self, answer: bytes):
        person, terminal = pty.openpty()
        try:
            os.write(person, answer)
            return self.stack("clean", stdin=terminal)
        finally:
            os.close(person)
            os.close(terminal)


def list_things(project: str) -> list[str]:
    of_project = f"--filter=label=com.docker.compose.project={project}"
    found = (
        docker("ps", "--all", "--format={{.Names}}", of_project)
        + docker("network", "ls", "--format={{.Name}}", of_project)
        + docker("volume", "ls", "--format={{.Name}}", of_project)
    )
    return sorted(found.split())


@pytest.fixture
def project():
    name = f"racetrack-test-clean-{uuid.uuid4().hex[:6]}"
    yield name
    kinds = {
        ("ps", "--all"): ("rm", "--force"),
        ("network", "ls"): ("network", "rm"),
        ("volume", "ls"): ("volume", "rm"),
    }
    for search, remove in kinds.items():
        of_project = f"--filter=label=com.docker.compose.project={name}"
        if found := docker(*search, "--quiet", of_project).split():
            docker(*remove, *found)


@pytest.fixture
def colleague(tmp_path, project):
    clone = Clone(tmp_path / "colleague", project)
    started = clone.stack("registry")
    assert started.returncode == 0, started.stdout
    return clone


def test_the_stack_of_another_clone_is_named_and_left_alone(colleague, project, tmp_path):
    mine = Clone(tmp_path / "mine", project)
    there = list_things(project)
    assert f"{project}-registry-1" in there

    cleaned = mine.stack("clean", FORCE="1")
    changed = [mine.stack(name) for name in ("down", "clean-jobs", "registry-down", "up", "build")]
    passed_on = mine.stack("compose", "down", "--volumes")

    assert cleaned.returncode == 0
    assert "left alone" in cleaned.stdout
    assert [done.returncode for done in (*changed, passed_on)] == [1] * 6
    assert all(str(colleague.directory) in done.stdout for done in (cleaned, *changed, passed_on))
    assert list_things(project) == there


def test_data_of_a_stopped_stack_belongs_to_its_clone(colleague, project, tmp_path):
    assert colleague.stack("down").returncode == 0
    data = list_things(project)
    assert f"{project}_registry" in data

    cleaned = Clone(tmp_path / "mine", project).stack("clean", FORCE="1")

    assert str(colleague.directory) in cleaned.stdout
    assert list_things(project) == data

    assert colleague.stack("clean", FORCE="1").returncode == 0
    assert list_things(project) == []


def test_cleaning_lists_what_it_removes_and_asks(colleague, project):
    there = list_things(project)

    without_terminal = colleague.stack("clean")
    declined = colleague.clean_on_terminal(b"n\n")
    assert (without_terminal.returncode, declined.returncode) == (1, 1)
    assert "FORCE=1" in without_terminal.stdout
    assert all(name in done.stdout for done in (without_terminal, declined) for name in there)
    assert list_things(project) == there

    accepted = colleague.clean_on_terminal(b"y\n")
    assert accepted.returncode == 0
    assert list_things(project) == []
    assert colleague.stack("clean").returncode == 0  # Nothing is there, so there is nothing to ask.


def test_a_stack_can_be_adopted_after_its_clone_was_moved(colleague, project, tmp_path):
    moved = tmp_path / "moved"
    colleague.directory.rename(moved)
    colleague.directory = moved
    there = list_things(project)

    refused = colleague.stack("clean", FORCE="1")
    assert "compose/stack adopt" in refused.stdout
    assert list_things(project) == there

    assert colleague.stack("adopt").returncode == 0
    assert colleague.stack("clean", FORCE="1").returncode == 0
    assert list_things(project) == []


def test_data_without_a_mark_is_not_taken_for_ours(colleague, project, tmp_path):
    docker("volume", "rm", f"{project}_clone")
    of_container = Clone(tmp_path / "mine", project).stack("clean", FORCE="1")
    assert str(colleague.directory) in of_container.stdout

    assert colleague.stack("compose", "--profile=*", "down").returncode == 0
    data = list_things(project)
    unknown = colleague.stack("clean", FORCE="1")
    assert "compose/stack adopt" in unknown.stdout
    assert list_things(project) == data
