"""Values that the command line and the services share."""

import pytest
from racetrack_client.entities import IMAGE_FILE, ProcessImage, job_resource_name


def test_an_image_fills_the_places_of_its_command_and_nothing_else():
    image = ProcessImage(
        python="/env/bin/python",
        command=["{python}", "-m", "job", "{host}:{port}", "{port}", "{fd}"],
    )

    assert image.fill_command("127.0.0.1", 7000) == [
        "/env/bin/python",
        "-m",
        "job",
        "{host}:{port}",
        "7000",
        "-1",
    ]


def test_an_image_is_what_its_file_says_also_with_keys_of_later_versions(tmp_path):
    (tmp_path / IMAGE_FILE).write_text('{"python": "p", "command": [], "later": 1}')

    image = ProcessImage.load(tmp_path)

    assert (image.python, image.workdir, image.environment) == ("p", "source", {})


def test_a_damaged_image_is_a_value_error(tmp_path):
    (tmp_path / IMAGE_FILE).write_text('{"python": "p"}')

    with pytest.raises(ValueError, match="command"):
        ProcessImage.load(tmp_path)


def test_what_runs_a_job_is_named_after_it():
    assert job_resource_name("adder", "1.2.3") == "job-adder-v-1-2-3"
