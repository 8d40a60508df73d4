"""Imports the packages before pytest does, so that a component's folder never shadows its package."""

import os
import shutil
import signal
import subprocess

import pytest
import racetrack_job_wrapper
from stacks.cluster import CLUSTER_SETUP

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
    """Skip the tests that need a Docker engine or a cluster where there is none."""
    docker = [item for item in items if item.get_closest_marker("docker")]
    if docker and not _docker_answers():
        _skip(docker, "no Docker engine answers `docker info`")
    if not CLUSTER_SETUP.is_file() or os.geteuid() != 0:
        in_cluster = [item for item in items if item.get_closest_marker("kubernetes")]
        _skip(in_cluster, f"no cluster can be started here: it takes root and {CLUSTER_SETUP}")


def _skip(items: list[pytest.Item], reason: str) -> None:
    for item in items:
        item.add_marker(pytest.mark.skip(reason=reason))


def _docker_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    try:
        done = subprocess.run(["docker", "info"], capture_output=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
