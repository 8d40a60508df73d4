import re
import secrets

import pytest
from image_builder.testing.docker_engine import docker, is_running
from racetrack_commons.testing.serving import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("in_job")]

# The engine's cache remembers the steps of earlier runs.
BASE = f"FROM debian:trixie-slim\nENV run={secrets.token_hex(4)}\n"
SECRET = 'tulip-9431"$x`'
READ_SECRET = (
    "RUN --mount=type=secret,id=build_secrets,target=/run/secrets/build_secrets.env "
    ". /run/secrets/build_secrets.env; "
)


def names_of(platform):
    images = docker(
        "image", "ls", f"--filter=label=racetrack-platform={platform}", "--format={{.Tag}}"
    )
    return images.split()


def test_a_build_that_fails_half_way_says_where_and_leaves_nothing(build_docker, platform, config):
    done = build_docker(BASE + "RUN echo fine\nRUN echo boom; exit 3\n")

    assert done.error == (
        "building image (1/1): the step `echo boom; exit 3` (line 4 of Dockerfile) ended with exit code 3:\nboom"
    )
    assert "fine" in done.log
    assert names_of(platform) == []
    assert [path for path in config.workspaces_dir.rglob("*") if path.suffix != ".lock"] == [
        path for path in config.workspaces_dir.glob("builder-*") if path.is_dir()
    ]


def test_a_secret_reaches_the_step_that_mounts_it_and_nothing_else(build_docker, platform):
    done = build_docker(
        f'{BASE}COPY . /src/\n{READ_SECRET} echo "token is $TOKEN"; [ ${{#TOKEN}} = {len(SECRET)} ]\n'
        "RUN ! test -e /run/secrets/build_secrets.env\n",
        secret_build_env={"TOKEN": SECRET},
    )

    assert done.error is None
    assert "token is ***" in done.log
    assert "tulip" not in done.text
    name = done.result["image_names"][0]
    assert "tulip" not in docker("history", "--no-trunc", name) + docker("image", "inspect", name)
    search = ["grep", "-rl", "tulip", "/src", "/run", "/tmp", "/root"]
    assert docker("run", "--rm", "--network=none", name, *search, check=False) == ""


@pytest.mark.parametrize(
    "path", ["build_secrets.env", "../build_secrets.env", "/build_secrets.env"]
)
def test_a_secret_is_not_in_the_build_context(build_docker, path):
    done = build_docker(f"{BASE}COPY {path} /x\n", secret_build_env={"TOKEN": SECRET})

    assert "'build_secrets.env', which a COPY (line 3 of Dockerfile) needs, is not" in done.error


def test_another_secret_is_another_content(build_docker):
    build_docker(BASE, secret_build_env={"TOKEN": "first-value"}, deployment_id="1")
    again = build_docker(BASE, secret_build_env={"TOKEN": "second-value"}, deployment_id="2")

    assert "used again" not in again.log


def test_an_image_that_somebody_removed_is_built_again(build_docker, platform):
    first = build_docker(BASE + "ENV a=1\n", deployment_id="1", tag="1").result["image_names"][0]
    docker("image", "rm", "--force", first)

    again = build_docker(BASE + "ENV a=1\n", deployment_id="2", tag="2")

    assert again.error is None
    assert "made image" in again.log
    assert names_of(platform) == ["2"]


def test_a_missing_dockerfile_is_named(build_docker):
    assert build_docker().error == (
        "preparing job type builder: the Dockerfile 'Dockerfile' is not among the job's files; "
        "add it, and check that .gitignore does not leave it out"
    )


def test_the_log_of_a_chatty_build_is_cut(start, build_docker, config):
    chatty = f"{BASE}RUN seq 1 20000\n"
    done = build_docker(chatty, using=start(max_build_log_bytes=3000))

    assert done.error is None
    log = (config.build_logs_dir / "deployment-1.log").read_text()
    assert "the log is cut here" in log
    assert len(log) < 4000
    assert len(done.log) < 4000


def test_a_cancelled_build_ends_on_the_engine_too(build_docker, client, in_thread, config):
    wait = in_thread(build_docker, BASE + "RUN echo it sleeps; exec sleep 86421\n")
    log = config.build_logs_dir / "deployment-1.log"
    wait_until(
        lambda: log.exists() and re.search(r"^#\d+ [.\d]+ it sleeps$", log.read_text(), re.M), 30
    )

    assert client.delete("/api/v1/build/deployment-1").status_code == 204

    assert wait().error == "building image (1/1): the build was cancelled"
    wait_until(lambda: not is_running("86421"), 30)


def test_a_build_that_takes_too_long_is_ended(start, build_docker):
    done = build_docker(BASE + "RUN exec sleep 86422\n", using=start(build_timeout_seconds=3))

    assert "docker did not end within 3 s" in done.error
    wait_until(lambda: not is_running("86422"), 30)


def test_two_builders_at_once_make_the_same_image(start, build_docker, in_thread, platform):
    dockerfile = BASE + "RUN sleep 1; date +%N >/made\n"
    waits = [in_thread(build_docker, dockerfile, using=start(), tag="same") for _ in range(2)]
    results = [wait() for wait in waits]

    assert [result.error for result in results] == [None, None]
    assert names_of(platform) == ["same"]


def test_an_engine_that_is_away_is_named(environment, start, build_docker):
    environment["DOCKER_HOST"] = "unix:///nowhere.sock"
    client = start()
    health = client.get("/health")

    assert (health.status_code, health.json()["status"]) == (500, "fail")
    assert "the Docker engine does not answer" in health.json()["details"]
    error = build_docker(BASE, using=client).error
    assert error.startswith(
        "preparing job type builder: the Docker engine does not answer; start it"
    )


def test_a_build_that_waits_for_the_engine_can_be_cancelled(
    environment, start, build_docker, in_thread
):
    environment["DOCKER_HOST"] = "unix:///nowhere.sock"
    client = start(docker_wait_seconds=600)
    wait = in_thread(build_docker, BASE, using=client)

    wait_until(lambda: client.delete("/api/v1/build/deployment-1").status_code == 204)

    assert "the build was cancelled" in wait().error


def test_a_missing_client_is_named(environment, start, build_docker):
    environment["PATH"] = "/nowhere"

    assert "there is no Docker client on PATH" in start().get("/health").json()["details"]
