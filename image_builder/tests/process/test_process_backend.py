import os
import signal
import subprocess
import sys
import time

import pytest
from image_builder.testing.builders import ADDER
from racetrack_commons.testing.builders import a_manifest_dict
from racetrack_commons.testing.serving import wait_until

DAY_SECONDS = 24 * 3600
PRUNE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from image_builder.process.image_store import ImageStore
from racetrack_commons.entities.dto import JobImage

needed = {JobImage(job_name="adder", image_tag="needed")}
ImageStore(Path(sys.argv[1])).remove_unneeded(needed, datetime.now(UTC))
"""


@pytest.fixture
def prune(client):
    """Sends the needed tags of the job to the builder; returns the names that it removed."""

    def run(*needed):
        images = [{"job_name": "adder", "image_tag": tag} for tag in needed]
        response = client.post("/api/v1/images/prune", json={"needed": images})
        assert response.status_code == 200, response.text
        return response.json()["removed"]

    return run


@pytest.fixture
def make(build):
    """Builds an image with its own content, and with its own environment when `requirements` are given."""

    def run(tag, requirements=None):
        files = {"adder.py": f"{ADDER}# {tag}"}
        extra = {"entrypoint_path": "adder.py", "entrypoint_class": "Adder"}
        if requirements:
            files["requirements.txt"] = requirements
            extra["requirements_path"] = "requirements.txt"
        manifest = a_manifest_dict(jobtype_extra=extra)
        done = build(files, tag=tag, deployment_id=tag, manifest=manifest)
        assert done.error is None
        return tag

    return run


@pytest.fixture
def age(config):
    """Makes everything look as if it was last needed a day ago."""

    def run():
        for name in ("image.json", "environment.json"):
            for root in (config.images_dir, config.environments_dir):
                for path in root.rglob(name):
                    os.utime(path, (time.time() - DAY_SECONDS - 60,) * 2)

    return run


def list_tags(config):
    return sorted(path.parent.name for path in config.images_dir.glob("adder/[!.]*/image.json"))


def list_environments(config):
    return sorted(path.name for path in config.environments_dir.glob("[!.]*"))


def test_what_is_needed_stays_however_old_and_the_rest_goes(make, prune, age, config):
    for tag in ("a", "b", "c"):
        make(tag)
    age()

    assert sorted(prune("b")) == ["adder:a", "adder:c"]

    assert list_tags(config) == ["b"]


def test_what_was_needed_lately_stays(make, prune, age, config):
    make("a")
    assert prune() == []
    age()
    assert prune("a") == []
    assert prune() == []
    age()
    assert prune() == ["adder:a"]
    assert not (config.images_dir / "adder").exists()


def test_an_environment_stays_as_long_as_an_image_stands_on_it(
    make, prune, age, config, plugin_directory
):
    make("plain")
    (common,) = list_environments(config)
    make("special", requirements=f"{plugin_directory}/tiny-1.0.0-py3-none-any.whl\n")
    age()
    assert prune("special") == ["adder:plain"]
    assert len(list_environments(config)) == 2
    age()

    gone = prune()

    assert len(gone) == 2
    # The environment of the job type stays for the next job.
    assert list_environments(config) == [common]
    assert [path.stem for path in (config.environments_dir / ".locks").iterdir()] == [common]


def test_a_build_of_the_same_content_needs_the_image_again(make, build, prune, age, config):
    make("first")
    age()
    files = {"adder.py": f"{ADDER}# first"}

    again = build(files, tag="second", deployment_id="second")

    assert again.result["image_tag"] == "first"
    assert prune() == []
    assert list_tags(config) == ["first"]


def test_an_image_that_is_gone_is_built_again(make, build, prune, age, config):
    make("first")
    age()
    prune()

    again = build({"adder.py": f"{ADDER}# first"}, tag="second", deployment_id="second")

    assert again.result["image_tag"] == "second"
    assert list_tags(config) == ["second"]


def test_builds_find_their_images_while_others_prune(build, prune, age, config, in_thread):
    for number in range(10):
        age()
        pruned = in_thread(prune)
        done = build(tag=f"tag-{number}", deployment_id=str(number))
        pruned()

        assert done.error is None
        assert done.result["image_tag"] in list_tags(config)
        python = next(config.environments_dir.glob("[!.]*/bin/python"))
        assert python.exists()


def test_what_was_killed_half_way_is_done_by_the_next(make, prune, age, config):
    make("needed")
    for number in range(100):
        source = config.images_dir / f"other/{number}/source"
        source.mkdir(parents=True)
        (source.parent / "image.json").write_text("{}")
        for name in range(20):
            (source / str(name)).touch()
    age()
    others = config.images_dir / "other"
    pruning = subprocess.Popen([sys.executable, "-c", PRUNE, str(config.images_dir)])
    wait_until(lambda: len(list(others.glob("[!.]*"))) < 90)
    pruning.send_signal(signal.SIGKILL)
    pruning.wait()
    age()
    for leftover in others.glob(".*-*"):
        os.utime(leftover, (time.time() - DAY_SECONDS,) * 2)

    prune("needed")

    assert not others.exists()
    assert list_tags(config) == ["needed"]


def test_images_of_other_builders_that_are_being_made_stay(make, prune, age, config):
    make("a")
    making = config.images_dir / "adder/.b-01234567"
    making.mkdir()
    age()
    prune("a")
    assert making.exists()


def test_nothing_goes_when_it_shall_stay_for_ever(make, start, age, config):
    make("a")
    age()
    answer = start(image_retention_hours=0).post("/api/v1/images/prune", json={"needed": []})
    assert answer.json() == {"removed": []}
    assert list_tags(config) == ["a"]


def test_only_services_may_remove_images(client):
    client.headers["X-Racetrack-Auth"] = "nonsense"
    assert client.post("/api/v1/images/prune", json={"needed": []}).status_code == 401
