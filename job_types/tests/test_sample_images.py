"""Samples whose images hold more than the wrapper: built, run, and called as their READMEs say."""

from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[2] / "sample"

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    ("directory", "name", "payload", "answer"),
    [
        ("docker-python-flask", "docker-python-flask", {"numbers": [40, 2]}, 42),
        ("python-ui-flask", "python-ui-flask", {"numbers": [40, 2]}, 42),
        (
            "scikit-model",
            "scikit-sample",
            {"x_new": [0.5, 2]},
            [pytest.approx(201.96842858259438)],
        ),
    ],
)
def test_a_sample_runs_in_a_container(build, start, directory, name, payload, answer):
    container = start(
        build.build_directory(SAMPLES / directory), "--env=JOB_DEPLOYMENT_TIMESTAMP=1700"
    )

    base = f"/pub/job/{name}/latest"
    assert container.client.post(f"{base}/api/v1/perform", json=payload).json() == answer
    assert container.client.get(f"{base}/api/v1/examples").json() == {"/perform": payload}
    assert int(container.client.get("/live").json()["deployment_timestamp"]) == 1700
    assert container.stop() == 0
