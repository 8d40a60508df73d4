from pathlib import Path

import yaml
from lifecycle.testing.builders import a_job
from lifecycle_supervisor.discovery_file import write_discovery_file
from racetrack_commons.entities.dto import JobStatus


def test_prometheus_finds_every_replica_of_jobs_that_are_not_lost(tmp_path: Path):
    file = tmp_path / "metrics/jobs.yaml"
    jobs = [
        a_job("adder", "0.0.1", replica_internal_names=["127.0.0.1:7000", "127.0.0.1:7001"]),
        a_job("primer", "0.0.2"),
        a_job("gone", "0.0.3", status=JobStatus.LOST),
    ]
    write_discovery_file(file, jobs)
    entries = yaml.safe_load(file.read_text())
    assert [entry["targets"] for entry in entries] == [
        ["127.0.0.1:7000", "127.0.0.1:7001"],
        ["127.0.0.1:7000"],
    ]
    assert entries[0]["labels"] == {
        "job": "job-adder-v-0-0-1",
        "job_name": "adder",
        "job_version": "0.0.1",
    }


def test_an_empty_file_is_valid_and_an_equal_one_is_left_alone(tmp_path: Path):
    file = tmp_path / "jobs.yaml"
    write_discovery_file(file, [])
    assert yaml.safe_load(file.read_text()) == []
    written = file.stat().st_mtime_ns
    write_discovery_file(file, [])
    assert file.stat().st_mtime_ns == written
