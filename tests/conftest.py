"""Stacks and jobs for the tests of whole platforms."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from racetrack_commons.testing.builders import a_manifest_dict
from stacks.embedded import EmbeddedStack, start_embedded_stack
from stacks.stack import Stack


@pytest.fixture(scope="session")
def embedded_stack() -> Iterator[EmbeddedStack]:
    stack = start_embedded_stack()
    yield stack
    stack.stop()


@pytest.fixture(scope="session")
def stack(embedded_stack: EmbeddedStack) -> Stack:
    return embedded_stack


@pytest.fixture
def wait_until() -> Callable[..., None]:
    def wait(
        condition: Callable[[], bool], seconds: float = 30, what: str = "the condition"
    ) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come true within {seconds} s"
            time.sleep(0.05)

    return wait


@pytest.fixture
def job_directory(tmp_path: Path) -> Callable[..., Path]:
    """Writes a job of one file: its name, the code of job.py, and further keys of the manifest."""

    def write(name: str, code: str, **manifest: object) -> Path:
        directory = tmp_path / name
        directory.mkdir(exist_ok=True)
        (directory / "job.py").write_text(code)
        usual = {
            "git": {"remote": "https://github.com/TheRacetrack/racetrack"},
            "jobtype_extra": {"entrypoint_path": "job.py", "entrypoint_class": "Job"},
        }
        content = a_manifest_dict(name, **usual | manifest)
        (directory / "job.yaml").write_text(json.dumps(content))
        return directory

    return write
