"""Imports the packages before pytest does, so that a component's folder never shadows its package."""

import shutil
import signal
import subprocess

import pytest
import racetrack_job_wrapper

import dashboard
import image_builder
import lifecycle
import lifecycle_supervisor
import pub
import racetrack_client
import racetrack_commons

__all__ = [
    "dashboard",
    "image_builder",
    "lifecycle",
    "lifecycle_supervisor",
    "pub",
    "racetrack_client",
    "racetrack_commons",
    "racetrack_job_wrapper",
]


def pytest_configure() -> None:
    """Restore the handling of SIGINT, so that tests can interrupt their commands even when pytest runs in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests that need a Docker engine where none answers."""
    marked = [item for item in items if item.get_closest_marker("docker")]
    if marked and not _docker_answers():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no Docker engine answers `docker info`"))


def _docker_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    try:
        done = subprocess.run(["docker", "info"], capture_output=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
