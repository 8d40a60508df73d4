"""Prometheus finds the services, and the jobs, which come and go."""

import httpx
import pytest

pytestmark = pytest.mark.docker

SERVICES = {"lifecycle", "lifecycle-supervisor", "image-builder", "pub", "dashboard"}


@pytest.fixture
def prometheus(compose_stack):
    compose_stack.compose("up", "--detach", "prometheus")
    yield f"http://127.0.0.1:{compose_stack.environment['PROMETHEUS_PORT']}/api/v1"
    compose_stack.compose("rm", "--stop", "--force", "prometheus")


def list_healthy(prometheus):
    """The names of what Prometheus has read without a fault."""
    try:
        found = httpx.get(f"{prometheus}/targets").json()["data"]["activeTargets"]
    except httpx.TransportError:
        return set()
    return {target["labels"]["job"] for target in found if target["health"] == "up"}


def test_services_and_jobs_are_scraped(compose_stack, prometheus, wait_until):
    compose_stack.racetrack("deploy", "sample/python-class", "--force")
    wanted = SERVICES | {"job-adder-v-0-0-2"}
    wait_until(lambda: wanted <= list_healthy(prometheus), 60, "the sight of all targets")
