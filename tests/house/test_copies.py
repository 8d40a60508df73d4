"""Files that stand twice, because the job wrapper stands alone."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_job_wrapper_bounds_its_connections_as_the_services_do():
    of_services = ROOT / "racetrack_commons/racetrack_commons/api/connections.py"
    of_jobs = ROOT / "job_wrapper/racetrack_job_wrapper/connections.py"

    assert of_jobs.read_text() == of_services.read_text()
