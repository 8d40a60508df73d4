"""Each sample answers as its README says; samples that need more than the wrapper are deployed in tests/e2e."""

import json
from pathlib import Path

import pytest
import yaml
from racetrack_job_wrapper.__main__ import main

SAMPLES = Path(__file__).parents[2] / "sample"


@pytest.mark.parametrize(
    ("directory", "name", "payload", "answer"),
    [
        ("python-class", "adder", {"numbers": [40, 2]}, 42),
        ("python-class", "adder", {"numbers": [0.1, 0.2]}, 0.30000000000000004),
        ("python-primer", "primer", {"number": 7907}, True),
        ("python-primer", "primer", {"number": 4}, False),
        ("python-auxiliary-endpoints", "python-auxiliary-endpoints", {"x": 40, "y": 2}, 42),
        (
            "python-hasher",
            "hasher",
            {"attempts": 1},
            "df9e7d765ba441153bee5a78be22a4a47e70c3798e0071fca7097ecddcac7f48",
        ),
    ],
)
def test_a_sample_answers(monkeypatch, capsys, directory, name, payload, answer):
    monkeypatch.chdir(SAMPLES / directory)

    assert main(["run", "--call", json.dumps(payload)]) == 0

    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == answer
    assert yaml.safe_load(Path("job.yaml").read_text())["name"] == name


def test_the_logger_draws_a_number(monkeypatch, serve_job):
    monkeypatch.chdir(SAMPLES / "python-logger")
    source: dict = {}
    exec(Path("entrypoint.py").read_text(), source)

    assert 0 <= serve_job(source["JobEntrypoint"]()).post("/api/v1/perform").json() < 1


@pytest.mark.parametrize(
    "directory", sorted(each.parent.name for each in SAMPLES.glob("*/job.yaml"))
)
def test_every_sample_is_explained_and_belongs_to_this_repository(directory):
    manifest = yaml.safe_load((SAMPLES / directory / "job.yaml").read_text())

    assert (SAMPLES / directory / "README.md").is_file()
    assert manifest["owner_email"] == "sample@example.com"
    assert manifest["git"]["remote"] == "https://github.com/TheRacetrack/racetrack"
    assert manifest["git"]["directory"] == f"sample/{directory}"
