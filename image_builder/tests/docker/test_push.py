import json
import secrets
import socket
import urllib.request
from contextlib import contextmanager

import pytest
from image_builder.testing.docker_engine import docker
from racetrack_commons.testing.serving import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("in_job")]

DOCKERFILE = "FROM debian:trixie-slim\nENV a=1\n"
# The password of user `gardener` is `tulip`.
HTPASSWD = "gardener:$2b$05$abcdefghijklmnopqrstuut6jKlT36tGgJ904puhCqEMOW/QNDmxa\n"


@contextmanager
def registry(*options):
    name = f"builder-test-registry-{secrets.token_hex(4)}"
    docker(
        "run",
        "--detach",
        "--rm",
        "--publish=127.0.0.1::5000",
        f"--name={name}",
        *options,
        "registry:2",
    )
    try:
        address = docker("port", name, "5000/tcp")
        wait_until(lambda: answers(address), 30)
        yield address
    finally:
        docker("rm", "--force", "--volumes", name)


def answers(address):
    host, _, port = address.partition(":")
    try:
        with socket.create_connection((host, int(port)), 1) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return connection.recv(1)
    except OSError:
        return False


def list_tags(address, repository):
    with urllib.request.urlopen(
        f"http://{address}/v2/{repository}/tags/list", timeout=10
    ) as answer:
        return json.load(answer)["tags"]


def test_images_are_pushed_to_the_registry(start, build_docker, platform):
    with registry() as address:
        client = start(docker_registry=address)
        done = build_docker(DOCKERFILE, using=client)
        again = build_docker(DOCKERFILE, using=client, tag="2", deployment_id="2")

        assert (done.error, again.error) == (None, None)
        assert done.phases[2:4] == ["building image (1/1)", "pushing image (1/1)"]
        assert done.result["image_names"] == [f"{address}/{platform}/job-entrypoint/adder:tag-1"]
        assert sorted(list_tags(address, f"{platform}/job-entrypoint/adder")) == ["2", "tag-1"]
        metrics = client.get("/metrics").text

    assert "images_pushed_total 2.0" in metrics
    assert "images_pushed_duration_total 0.0" not in metrics
    assert 'phase="pushing image"' in metrics


def test_without_a_registry_nothing_is_pushed(build_docker):
    assert not [phase for phase in build_docker(DOCKERFILE).phases if "push" in phase]


def test_a_registry_that_is_away_is_named_with_a_hint(start, build_docker):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = "{}:{}".format(*closed.getsockname())

    error = build_docker(DOCKERFILE, using=start(docker_registry=address)).error

    assert error.startswith(f"pushing image (1/1): {address}/")
    assert (
        f"the registry {address} does not answer the Docker engine; start it, or correct" in error
    )


def test_a_registry_that_refuses_is_named_with_a_hint(start, build_docker, tmp_path, environment):
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    options = (
        f"--volume={tmp_path / 'htpasswd'}:/htpasswd:ro",
        "--env=REGISTRY_AUTH=htpasswd",
        "--env=REGISTRY_AUTH_HTPASSWD_REALM=test",
        "--env=REGISTRY_AUTH_HTPASSWD_PATH=/htpasswd",
    )
    environment["DOCKER_CONFIG"] = str(tmp_path / "docker-config")
    with registry(*options) as address:
        client = start(docker_registry=address)
        refused = build_docker(DOCKERFILE, using=client)
        log_in(tmp_path / "docker-config", address)
        taken = build_docker(DOCKERFILE, using=client)

    assert f"run `docker login {address}`" in refused.error
    assert taken.error is None
    assert "tulip" not in taken.text


def log_in(config, address):
    config.mkdir(exist_ok=True)
    # What `docker login` writes: base64 of gardener:tulip.
    auths = {address: {"auth": "Z2FyZGVuZXI6dHVsaXA="}}
    (config / "config.json").write_text(json.dumps({"auths": auths}))
