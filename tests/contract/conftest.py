"""The client as it was published, in an environment of its own, logged in to a stack that trusts a local git host."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock
from image_builder.testing.git_server import GitServer, running_git_server
from stacks.embedded import EmbeddedStack, start_embedded_stack
from stacks.stack import ROOT, start_command
from uv import find_uv_bin

VERSION = "2.35.1"


@dataclass(frozen=True)
class PublishedClient:
    """The published `racetrack`, with a home directory of its own."""

    program: Path
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        terminal = {"TERM": "dumb", "COLUMNS": "200", "PYTHONUNBUFFERED": "1"}
        return inherited | terminal | {"HOME": str(self.home)}

    def run(
        self, *arguments: str, input: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.program, *arguments],
            input=input,
            cwd=self.home,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def ok(self, *arguments: str, **options: str) -> str:
        """Standard output of a command that must succeed."""
        done = self.run(*arguments, **options)
        assert done.returncode == 0, f"racetrack {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def fails(self, *arguments: str, code: int = 70, **options: str) -> str:
        """Everything that a command says which must fail so."""
        done = self.run(*arguments, **options)
        assert done.returncode == code, f"racetrack {' '.join(arguments)}: {done}"
        return done.stdout + done.stderr

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return start_command([self.program, *arguments], self.environment, directory=self.home)


@pytest.fixture(scope="session")
def published_program() -> Path:
    """Installed once, and kept beside what else is built."""
    folder = ROOT / f"build/published/racetrack-client-{VERSION}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "installed").exists():
            uv = find_uv_bin()
            subprocess.run([uv, "venv", "--quiet", "--clear", folder], check=True)
            install = [uv, "pip", "install", "--quiet", "--python", folder / "bin/python"]
            subprocess.run([*install, f"racetrack-client=={VERSION}"], check=True)
            (folder / "installed").touch()
    return folder / "bin/racetrack"


@pytest.fixture(scope="session")
def git_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with running_git_server(tmp_path_factory.mktemp("git")) as server:
        yield server


@pytest.fixture(scope="session")
def embedded_stack(git_server: GitServer) -> Iterator[EmbeddedStack]:
    stack = start_embedded_stack(
        {
            "GIT_SSL_CAINFO": str(git_server.certificate),
            # The published client sends no token when it follows a log.
            "ALLOW_ANONYMOUS_LOG_FOLLOWING": "true",
        }
    )
    yield stack
    stack.stop()


@pytest.fixture
def stranger(published_program: Path, tmp_path: Path) -> PublishedClient:
    """The published client on a fresh machine."""
    home = tmp_path / "home"
    home.mkdir()
    return PublishedClient(published_program, home)


@pytest.fixture(scope="session")
def logged_in(
    published_program: Path, tmp_path_factory: pytest.TempPathFactory, embedded_stack: EmbeddedStack
) -> Path:
    """What a login of the admin leaves in a home directory."""
    client = PublishedClient(published_program, tmp_path_factory.mktemp("home"))
    client.ok("set", "remote", embedded_stack.lifecycle_url)
    client.ok("login", embedded_stack.admin_token)
    return client.home / ".racetrack"


@pytest.fixture
def client(stranger: PublishedClient, logged_in: Path) -> PublishedClient:
    """The published client, logged in as admin."""
    shutil.copytree(logged_in, stranger.home / ".racetrack")
    return stranger
