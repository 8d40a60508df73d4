import os
import shutil
import subprocess
from pathlib import Path

import pytest
from image_builder.docker.build_drivers import (
    BuildKitDriver,
    BuildxDriver,
    ClassicDriver,
    choose_driver,
)
from image_builder.docker.docker_cli import DockerCli
from image_builder.testing.docker_engine import docker, is_running
from racetrack_commons.plugin.job_type_definition import ImageDefinition
from racetrack_commons.testing.serving import wait_until

pytestmark = pytest.mark.docker

FIRST_WITHOUT_BUILDKIT = 23
MOUNTS = """
RUN --mount=type=bind,from=jobtype,target=/type cp /type/hello.txt /mounted.txt
RUN --mount=type=secret,id=build_secrets,target=/run/secrets/build_secrets.env \\
  . /run/secrets/build_secrets.env; [ $TOKEN = tulip ]
"""


def find_client(is_old):
    for directory in os.get_exec_path():
        client = Path(directory, "docker")
        if client.is_file():
            command = [client, "version", "--format", "{{.Client.Version}}"]
            version = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            if (int(version.partition(".")[0]) < FIRST_WITHOUT_BUILDKIT) == is_old:
                return client
    return None


@pytest.fixture
def without_buildx(environment, tmp_path):
    """Hides the buildx plugin behind a broken one; the client has built-in BuildKit or none, by its version."""

    def hide(*, is_old_client):
        client = find_client(is_old_client)
        if client is None:
            pytest.skip(
                f"there is no Docker client {'older' if is_old_client else 'newer'} than 23 here"
            )
        plugins = tmp_path / "docker-config/cli-plugins"
        plugins.mkdir(parents=True)
        shutil.copy(shutil.which("false"), plugins / "docker-buildx")
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/docker").symlink_to(client)
        environment["DOCKER_CONFIG"] = str(plugins.parent)
        environment["PATH"] = f"{tmp_path / 'bin'}:{environment['PATH']}"

    return hide


def build_and_check(build_docker, **fields):
    done = build_docker(**fields)
    assert done.error is None
    name = done.result["image_names"][0]
    assert docker("run", "--rm", "--network=none", name, "cat", "/hello.txt") == "hello"
    assert docker("run", "--rm", "--network=none", name, "ls", "/src/job").split() == [
        "adder.py",
        "job.yaml",
    ]
    return done


def test_buildx_comes_first(build_docker, environment, plugin_directory):
    assert isinstance(choose_driver(DockerCli(environment)), BuildxDriver)
    with (plugin_directory / "job.Dockerfile").open("a") as file:
        file.write(MOUNTS)

    build_and_check(build_docker, secret_build_env={"TOKEN": "tulip"})


def test_buildx_needs_no_home(build_docker, environment):
    environment["HOME"] = "/dev/null"

    assert build_docker().error is None


def test_an_older_client_builds_with_the_buildkit_that_it_has_inside(
    build_docker, environment, plugin_directory, without_buildx
):
    without_buildx(is_old_client=True)
    assert isinstance(choose_driver(DockerCli(environment)), BuildKitDriver)
    with (plugin_directory / "job.Dockerfile").open("a") as file:
        file.write(MOUNTS)

    build_and_check(build_docker, secret_build_env={"TOKEN": "tulip"})


def test_the_classic_build_comes_last(build_docker, environment, without_buildx):
    without_buildx(is_old_client=False)
    assert isinstance(choose_driver(DockerCli(environment)), ClassicDriver)

    first = build_and_check(build_docker)
    second = build_docker(deployment_id="2", tag="2")

    assert "COPY --from=jobtype" in first.log
    assert "used again" in second.log


@pytest.mark.usefixtures("in_job")
def test_the_classic_build_fails_in_short_too(build_docker, without_buildx, platform):
    without_buildx(is_old_client=False)

    done = build_docker("FROM debian:trixie-slim\nRUN echo boom; exit 3\n")

    assert done.error == (
        "building image (1/1): the step `echo boom; exit 3` ended with exit code 3:\nboom"
    )
    assert docker("ps", "--all", "--quiet", f"--filter=label=racetrack-platform={platform}") == ""


def test_the_classic_build_takes_no_secrets(build_docker, without_buildx):
    without_buildx(is_old_client=False)

    error = build_docker(secret_build_env={"TOKEN": "tulip"}).error

    assert "they would stay in the image; install the buildx plugin" in error


def test_stages_that_are_numbered_stay_what_they_were(
    build_docker, without_buildx, plugin_directory, use_images
):
    without_buildx(is_old_client=False)
    (plugin_directory / "stages.Dockerfile").write_text(
        "ARG base=debian:trixie-slim\n"
        "FROM $base\nRUN echo first >/name\n"
        "FROM $base\nCOPY --from=0 /name /name\nCOPY --from=jobtype hello.txt /\n"
    )
    use_images(ImageDefinition(dockerfile_path="stages.Dockerfile", template=False))

    name = build_docker().result["image_names"][0]

    assert (
        docker("run", "--rm", "--network=none", name, "cat", "/name", "/hello.txt")
        == "first\nhello"
    )


@pytest.mark.usefixtures("in_job")
def test_a_cancelled_classic_build_ends_on_the_engine_too(
    start, build_docker, without_buildx, in_thread
):
    without_buildx(is_old_client=False)
    client = start()
    wait = in_thread(build_docker, "FROM debian:trixie-slim\nRUN exec sleep 86423\n", using=client)
    wait_until(lambda: is_running("86423"), 30)

    assert client.delete("/api/v1/build/deployment-1").status_code == 204

    assert wait().error == "building image (1/1): the build was cancelled"
    wait_until(lambda: not is_running("86423"), 30)
