from datetime import UTC, datetime, timedelta

import pytest
from image_builder.app import create_builder
from image_builder.docker.docker_backend import DockerImagePruner
from image_builder.docker.docker_cli import DockerCli
from image_builder.testing.docker_engine import docker, platform_of_its_own
from prometheus_client import CollectorRegistry
from racetrack_commons.entities.dto import JobImage
from racetrack_commons.testing.builders import a_manifest_dict

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("in_job")]

RETENTION_HOURS = 24


@pytest.fixture
def pruner(environment, platform):
    return DockerImagePruner(DockerCli(environment), platform)


@pytest.fixture
def prune(pruner):
    """Prunes as if `hours` had passed; by default enough to make every image old."""

    def run(*needed, hours=RETENTION_HOURS + 1):
        now = datetime.now(UTC) + timedelta(hours=hours)
        images = {JobImage(job_name="adder", image_tag=tag) for tag in needed}
        return pruner.prune(images, now - timedelta(hours=RETENTION_HOURS), now)

    return run


@pytest.fixture
def make(build_docker):
    """Builds an image with its own content, or with that of another tag, and returns its name."""

    def run(tag, content=None, deployment_id=None, **manifest):
        dockerfile = f"FROM debian:trixie-slim\nENV content={content or tag}\n"
        done = build_docker(
            dockerfile,
            tag=tag,
            deployment_id=deployment_id or tag,
            manifest=a_manifest_dict(**manifest),
        )
        assert done.error is None
        return done.result["image_names"][0]

    return run


def list_tags(platform):
    images = docker(
        "image", "ls", f"--filter=label=racetrack-platform={platform}", "--format={{.Tag}}"
    )
    return sorted(images.split())


def test_what_is_needed_stays_however_old_and_the_rest_goes(make, prune, platform):
    names = {tag: make(tag) for tag in ("a", "b", "c")}
    other = make("b", content="of-another-job", deployment_id="other", name="other")

    assert set(prune("b")) == {names["a"], names["c"], other}

    assert list_tags(platform) == ["b"]


def test_young_images_stay(make, prune, platform):
    for tag in ("a", "b"):
        make(tag)

    assert prune(hours=RETENTION_HOURS - 1) == []
    assert list_tags(platform) == ["a", "b"]


def test_what_is_needed_is_noted_and_stays_for_a_while_after(make, prune, pruner):
    name = make("a")
    made_at = pruner.docker.find_image(name).changed_at

    assert prune("a", hours=RETENTION_HOURS / 2) == []

    assert pruner.docker.find_image(name).changed_at > made_at


def test_a_needed_image_loses_the_names_that_nobody_needs(make, prune, platform):
    make("first", content="same")
    second = make("second", content="same")

    assert prune("first", hours=1) == []
    assert prune("first", hours=RETENTION_HOURS / 2) == [second]

    assert list_tags(platform) == ["first"]


def test_an_image_that_was_used_again_is_young_again(make, prune, pruner, platform):
    old = make("old", content="same")
    known_at = pruner.docker.find_image(old).changed_at
    make("again", content="same")
    assert pruner.docker.find_image(old).changed_at > known_at

    named_at = pruner.docker.find_image(old).changed_at
    make("again", content="same", deployment_id="once-more")

    assert pruner.docker.find_image(old).changed_at > named_at
    assert list_tags(platform) == ["again", "old"]


def test_an_image_that_is_gone_is_built_again(make, prune, platform):
    make("a", content="same")
    prune()

    make("b", content="same")

    assert list_tags(platform) == ["b"]


def test_builds_find_their_images_while_others_prune(make, pruner, in_thread):
    for number in range(6):
        began = datetime.now(UTC)
        pruned = in_thread(lambda began=began: pruner.prune((), began, datetime.now(UTC)))
        name = make(f"tag-{number}", content="same")
        pruned()

        assert pruner.docker.find_image(name) is not None


def test_what_a_container_uses_stays_also_when_it_does_not_run(make, prune):
    used = make("used")
    container = docker("create", used, "true")
    try:
        assert prune() == []
    finally:
        docker("rm", container)
    assert prune() == [used]


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
    make("same", deployment_id="another", version="1.0.1")  # The tag is that of another image now.
    assert list_tags(platform) == ["<none>", "same"]

    prune("same")

    assert list_tags(platform) == ["same"]


def test_what_was_left_half_way_is_done_by_the_next(make, prune, pruner, monkeypatch, platform):
    for tag in ("a", "b", "c"):
        make(tag)
    removed = []

    def remove_one(engine, name):
        if removed:
            raise KeyboardInterrupt
        docker("image", "rm", name)
        removed.append(name)
        return True

    with monkeypatch.context() as patch:
        patch.setattr(DockerCli, "remove", remove_one)
        with pytest.raises(KeyboardInterrupt):
            prune("c")
    assert len(list_tags(platform)) == 2

    prune("c")

    assert list_tags(platform) == ["c"]


def test_the_service_removes_what_lifecycle_does_not_need(make, client, platform):
    make("a")
    client.post("/api/v1/images/prune", json={"needed": []})
    assert list_tags(platform) == ["a"], "it was made just now"


@pytest.fixture
def environment_without_engine(environment):
    return environment | {"DOCKER_HOST": "tcp://127.0.0.1:1"}


def test_an_engine_that_is_away_is_left_alone(config, job_types, environment_without_engine):
    builder = create_builder(config, job_types, environment_without_engine, CollectorRegistry())
    assert builder.prune(()) == []
