"""What a refused push tells users; the client of Docker is a script that prints what the real one prints."""

import pytest
from image_builder.docker.docker_cli import DockerCli
from image_builder.docker.push import ImageNotPushed, RegistryPusher
from image_builder.metrics import BuilderMetrics
from image_builder.running.programs import Cancellation
from image_builder.running.progress import BuildLogFile, BuildProgress, EventHistory
from prometheus_client import CollectorRegistry
from racetrack_commons.redaction import SecretRedactor


@pytest.mark.parametrize(
    ("printed", "advice"),
    [
        # The port holds the digits of a status: only the status itself is one.
        ('Get "http://127.0.0.1:44013/v2/": dial tcp: connect: connection refused', "start it"),
        ("received unexpected HTTP status: 403 Forbidden", "docker login"),
        ("unauthorized: authentication required", "docker login"),
        ("server gave HTTP response to HTTPS client", "insecure-registries"),
    ],
)
def test_a_refusal_is_explained(tmp_path, printed, advice):
    client = tmp_path / "docker"
    client.write_text(f"#!/bin/sh\necho '{printed}' >&2\nexit 1\n")
    client.chmod(0o700)
    docker = DockerCli({"PATH": "/usr/bin:/bin"}, str(client))
    pusher = RegistryPusher(docker, "127.0.0.1:44013", BuilderMetrics(CollectorRegistry()), 10)

    with BuildLogFile(tmp_path / "log", 1000) as log:
        progress = BuildProgress(
            EventHistory(), log, SecretRedactor([]), Cancellation(), lambda *_: None
        )
        with pytest.raises(ImageNotPushed, match=advice):
            pusher.push("127.0.0.1:44013/adder:1", progress)
