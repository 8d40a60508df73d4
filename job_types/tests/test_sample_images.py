"""A sample with a Dockerfile of its own: built, run, and called as its README says."""

from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[2] / "sample"

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]


def test_a_sample_runs_in_a_container(build, start):
    """The other samples run in containers in tests/e2e/test_readmes.py."""
    payload = {"numbers": [40, 2]}
    container = start(
        build.build_directory(SAMPLES / "docker-python-flask"),
        "--env=JOB_DEPLOYMENT_TIMESTAMP=1700",
    )

    base = "/pub/job/docker-python-flask/latest"
    assert container.client.post(f"{base}/api/v1/perform", json=payload).json() == 42
    assert container.client.get(f"{base}/api/v1/examples").json() == {"/perform": payload}
    assert int(container.client.get("/live").json()["deployment_timestamp"]) == 1700
    assert container.stop() == 0
