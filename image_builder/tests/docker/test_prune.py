from datetime import timedelta

import pytest
from image_builder.docker.engine import DockerEngine
from image_builder.docker.prune import ImagePruner, PruneRules, PruneSchedule
from image_builder.testing.engine import docker, platform_of_its_own
from image_builder.testing.payloads import a_manifest
from racetrack_commons.clock import Clock
from racetrack_commons.testing.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("in_job")]

RETENTION_HOURS = 240


class LaterClock(Clock):
    """A clock that is so many hours ahead."""

    def __init__(self, hours):
        self.ahead = timedelta(hours=hours)

    def now(self):
        return super().now() + self.ahead


@pytest.fixture
def prune(environment, platform):
    """Prunes as if so many hours had gone by; by default enough to make everything old."""

    def run(hours=RETENTION_HOURS + 1, kept=2):
        rules = PruneRules(RETENTION_HOURS, kept)
        return ImagePruner(DockerEngine(environment), platform, rules, LaterClock(hours)).prune()

    return run


@pytest.fixture
def make(build_docker):
    """Builds an image of content of its own and returns its name."""

    def run(tag, version="1.0.0", **fields):
        dockerfile = f"FROM debian:trixie-slim\nENV content={tag}\n"
        manifest = a_manifest(version=version)
        done = build_docker(
            dockerfile, tag=tag, deployment_id=f"{tag}-{version}", manifest=manifest, **fields
        )
        return done.result["image_names"][0]

    return run


def list_tags(platform):
    images = docker(
        "image", "ls", f"--filter=label=racetrack-platform={platform}", "--format={{.Tag}}"
    )
    return sorted(images.split())


def test_old_images_go_but_the_newest_of_each_job_stay(make, prune, platform):
    names = [make(tag) for tag in ("a", "b", "c", "d")]
    make("other", version="2.0.0")

    assert sorted(prune()) == names[:2]

    assert list_tags(platform) == ["c", "d", "other"]


def test_young_images_stay(make, prune, platform):
    for tag in ("a", "b", "c"):
        make(tag)

    assert prune(hours=RETENTION_HOURS - 1) == []
    assert list_tags(platform) == ["a", "b", "c"]


def test_an_image_that_was_used_again_is_young_again(build_docker, prune, platform, make):
    make("old-1")
    make("old-2")
    same = "FROM debian:trixie-slim\nENV content=old-1\n"
    build_docker(same, tag="again", deployment_id="again", manifest=a_manifest(version="1.0.0"))

    prune(kept=1)

    assert list_tags(platform) == ["again", "old-1"]


def test_what_a_container_uses_stays_also_when_it_does_not_run(make, prune, platform):
    used = make("used")
    make("newer")
    container = docker("create", used, "true")
    try:
        assert prune(kept=1) == []
    finally:
        docker("rm", container)
    assert prune(kept=1) == [used]


def test_images_of_other_platforms_stay(make, prune, tmp_path):
    make("ours")
    (tmp_path / "Dockerfile").write_text("FROM debian:trixie-slim\nENV other=1\n")
    with platform_of_its_own() as other:
        label = f"--label=racetrack-platform={other}"
        docker("build", "--quiet", label, "--label=racetrack-component=job", str(tmp_path))

        prune()

        assert list_tags(other) == ["<none>"]


def test_an_image_that_lost_its_name_goes(make, prune, platform):
    make("same")
    make("same", version="1.0.1")  # The tag is that of another image now.
    assert list_tags(platform) == ["<none>", "same"]

    prune()

    assert list_tags(platform) == ["same"]


def test_the_schedule_survives_an_engine_that_is_away(caplog):
    engine = DockerEngine({"PATH": "/nowhere"})
    schedule = PruneSchedule(ImagePruner(engine, "none", PruneRules(1, 1)), interval_minutes=0.0001)
    schedule.start()
    try:
        wait_until(lambda: caplog.text.count("old images can't be pruned now") > 1)
    finally:
        schedule.stop()
