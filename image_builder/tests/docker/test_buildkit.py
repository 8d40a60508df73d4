"""Builds at a BuildKit that is reached by its own protocol, and keeps no image for the Image Builder.

It is the BuildKit inside a second Docker engine, whose images containerd keeps, so that it pushes them itself.
"""

import contextlib
import gzip
import json
import os
import secrets
import socket
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from image_builder.docker.buildkit import BuildKit
from image_builder.docker.docker_cli import DockerCli
from image_builder.testing.docker_engine import docker
from racetrack_client.log.errors import ValidationError
from racetrack_commons.plugin.job_type_definition import ImageDefinition
from racetrack_commons.testing.serving import wait_until
from stacks.engine import Engine, find_engine_program

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]

BASE = "debian:trixie-slim"
UPGRADE = b"POST /grpc HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


@dataclass(frozen=True)
class BuildKitOfEngine:
    """A socket that speaks as buildkitd does, and a registry that only this BuildKit pushes to."""

    address: str
    registry: str

    def read(self, path: str) -> bytes:
        accepted = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
        request = urllib.request.Request(f"http://{self.registry}/v2/{path}")
        request.add_header("Accept", accepted)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bytes(answer.read())

    def describe(self, name: str) -> tuple[dict, list[bytes]]:
        """Return the configuration of an image, and the content of all that it consists of."""
        repository, _, tag = name.removeprefix(f"{self.registry}/").rpartition(":")
        manifest = json.loads(self.read(f"{repository}/manifests/{tag}"))
        config = self.read(f"{repository}/blobs/{manifest['config']['digest']}")
        layers = [
            unzip(self.read(f"{repository}/blobs/{layer['digest']}"))
            for layer in manifest["layers"]
        ]
        return json.loads(config), [json.dumps(manifest).encode(), config, *layers]


def unzip(layer: bytes) -> bytes:
    # Layers of a loaded base image are as they were loaded.
    return gzip.decompress(layer) if layer.startswith(b"\x1f\x8b") else layer


def pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while content := source.recv(65536):
            sink.sendall(content)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def open_buildkit(engine: Path) -> socket.socket:
    """Open the connection to BuildKit that an engine offers behind its API."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(engine))
    connection.sendall(UPGRADE)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    assert b" 101 " in head.splitlines()[0]
    return connection


def connect(client: socket.socket, engine: Path) -> None:
    """Pass bytes between a client and the BuildKit of an engine, until both have ended."""
    with client, open_buildkit(engine) as server:
        back = threading.Thread(target=pump, args=(server, client))
        back.start()
        pump(client, server)
        back.join()


@contextlib.contextmanager
def buildkit_socket(engine: Path, path: Path) -> Iterator[str]:
    """Serve the BuildKit of an engine at a socket of its own."""
    connections = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    thread = threading.Thread(target=connect, args=(client, engine))
                    thread.start()
                    connections.append(thread)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"unix://{path}"
        listener.shutdown(socket.SHUT_RDWR)
        for each in (thread, *connections):
            each.join(30)


@pytest.fixture(scope="module")
def buildkit(tmp_path_factory) -> Iterator[BuildKitOfEngine]:
    found = find_engine_program()
    if found is None:
        pytest.skip("a second Docker engine can't be started here: it takes root and a dockerd")
    network = f"builder-test-buildkit-{secrets.token_hex(4)}"
    docker("run", "--detach", "--rm", "--privileged", f"--name={network}", "registry:2")
    engine = Engine(*found, network, {"features": {"containerd-snapshotter": True}})
    try:
        engine.start()
        wait_until(engine.answers, 60)
        engine.copy_images(BASE)
        with buildkit_socket(engine.socket, tmp_path_factory.mktemp("buildkit") / "socket") as at:
            yield BuildKitOfEngine(at, f"{engine.address}:5000")
        engine.docker("system", "prune", "--all", "--force")
        engine.remove()
    finally:
        docker("rm", "--force", "--volumes", network)


@pytest.fixture
def start_at(start, buildkit):
    """Starts a builder at BuildKit; settings may differ."""

    def start_one(**changes):
        usual = {
            "buildkit_address": buildkit.address,
            "buildkit_insecure_registry": True,
            "docker_registry": buildkit.registry,
        }
        return start(**usual | changes)

    return start_one


def test_images_are_built_and_pushed_without_an_engine(
    start_at, build_docker, buildkit, platform, environment
):
    environment["DOCKER_HOST"] = "unix:///nowhere.sock"
    client = start_at()

    done = build_docker(using=client)

    assert done.error is None, done.log
    [name] = done.result["image_names"]
    assert name == f"{buildkit.registry}/{platform}/job-entrypoint/adder:tag-1"
    config, content = buildkit.describe(name)
    assert config["config"]["Labels"]["racetrack-platform"] == platform
    assert config["config"]["Labels"]["job-name"] == "adder"
    assert any(b"hello\n" in each for each in content)
    assert "building by BuildKit" in done.log
    assert "images_pushed_total 1.0" in client.get("/metrics").text
    assert client.get("/ready").status_code == 200


@pytest.mark.usefixtures("in_job")
def test_the_log_is_streamed_and_unchanged_steps_come_from_the_cache(start_at, build_docker):
    client = start_at()
    word = secrets.token_hex(8)
    dockerfile = f"FROM {BASE}\nRUN echo {word} | rev\n"

    first = build_docker(dockerfile, using=client)
    again = build_docker(dockerfile, using=client, tag="2", deployment_id="2")

    assert (first.error, again.error) == (None, None)
    assert word[::-1] in first.log
    assert word[::-1] not in again.log
    assert "CACHED" in again.log


def test_each_image_of_a_job_is_pushed(
    start_at, build_docker, use_images, plugin_directory, buildkit
):
    (plugin_directory / "second.Dockerfile").write_text(f"FROM {BASE}\nENV second=1\n")
    use_images(
        ImageDefinition(dockerfile_path="job.Dockerfile"),
        ImageDefinition(dockerfile_path="second.Dockerfile", template=False),
    )

    done = build_docker(using=start_at())

    assert done.error is None, done.log
    configs = [buildkit.describe(name)[0] for name in done.result["image_names"]]
    assert "second=1" not in configs[0]["config"]["Env"]
    assert "second=1" in configs[1]["config"]["Env"]


@pytest.mark.usefixtures("in_job")
def test_secrets_are_known_to_a_step_and_to_no_layer(start_at, build_docker, buildkit):
    mount = "--mount=type=secret,id=build_secrets,target=/run/secrets/build_secrets.env"
    check = '. /run/secrets/build_secrets.env; test "$TOKEN" = tulip-of-the-test'
    done = build_docker(
        f"FROM {BASE}\nRUN {mount} {check}\nRUN echo layer > /layer\n",
        using=start_at(),
        secret_build_env={"TOKEN": "tulip-of-the-test"},
    )

    assert done.error is None, done.log
    _, content = buildkit.describe(done.result["image_names"][0])
    assert any(b"layer\n" in each for each in content)
    # The Dockerfile, which is in the history, compares the value with a word that is not secret.
    assert not [each for each in content if b'TOKEN="tulip' in each]


@pytest.mark.usefixtures("in_job")
def test_a_step_that_fails_is_named(start_at, build_docker):
    error = build_docker(f"FROM {BASE}\nRUN echo why; exit 3\n", using=start_at()).error

    assert "the step `echo why; exit 3`" in error
    assert "ended with exit code 3" in error
    assert "can't be pushed" not in error


@pytest.mark.usefixtures("in_job")
def test_a_registry_without_tls_is_named_with_the_setting(start_at, build_docker, buildkit):
    client = start_at(buildkit_insecure_registry=False)

    error = build_docker(f"FROM {BASE}\nENV a=1\n", using=client).error

    assert f"the registry {buildkit.registry} speaks HTTP only" in error
    assert "BUILDKIT_INSECURE_REGISTRY=true" in error


@pytest.mark.usefixtures("in_job")
def test_a_registry_that_is_away_is_named(start_at, build_docker, buildkit):
    away = buildkit.registry.replace(":5000", ":5001")

    error = build_docker(f"FROM {BASE}\nENV a=1\n", using=start_at(docker_registry=away)).error

    assert f"the registry {away} does not answer BuildKit" in error


def test_a_buildkit_that_is_away_is_named(start, build_docker, tmp_path):
    address = f"unix://{tmp_path / 'nothing.sock'}"
    client = start(buildkit_address=address, docker_registry="registry.example.com")

    assert f"no BuildKit answers at {address}" in build_docker(using=client).error
    assert f"no BuildKit answers at {address}" in client.get("/health").text


@pytest.mark.parametrize(
    "address", ["buildkit:1234", "tcp://buildkit", "unix://", "tcp://host:port", "http://host:1"]
)
def test_an_address_of_another_kind_is_refused(start, address):
    with pytest.raises(ValidationError, match="tcp://HOST:PORT"):
        start(buildkit_address=address, docker_registry="registry.example.com")


def test_buildkit_needs_a_registry(start):
    with pytest.raises(ValidationError, match="needs DOCKER_REGISTRY"):
        start(buildkit_address="tcp://buildkit:1234")


def test_old_cache_is_removed(buildkit, environment):
    environment |= {name: os.environ[name] for name in os.environ if name.startswith("DOCKER_")}
    kit = BuildKit(DockerCli(environment), buildkit.address)

    assert "Total" in kit.remove_old_cache(1000)
