import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from pub.app import create_gateway
from pub.config import PubConfig
from pub.testing.lifecycle import FakeLifecycle
from pub.testing.recording_job import RecordingJob
from pydantic import SecretStr
from racetrack_commons.api.server import ServerLimits
from racetrack_commons.testing.serving import running_servers


class RawGateway:
    """A gateway that is spoken to in bytes, and the job behind it."""

    def __init__(self, port: int, job: RecordingJob) -> None:
        self.job = job
        self._address = ("127.0.0.1", port)

    def connect(self) -> socket.socket:
        return socket.create_connection(self._address, timeout=10)

    def exchange(self, *parts: bytes) -> bytes:
        """Send bytes, one part after the other, and return all that comes until the connection ends."""
        with self.connect() as connection:
            for part in parts:
                connection.sendall(part)
            return read_to_the_end(connection)


def read_to_the_end(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture(scope="module")
def module_gateway() -> Iterator[RawGateway]:
    with ExitStack() as stack:
        serve = stack.enter_context(running_servers())
        lifecycle = FakeLifecycle()
        job = stack.enter_context(RecordingJob())
        lifecycle.address = job.address
        lifecycle.url = f"{serve(lifecycle.app)}/lifecycle"
        config = PubConfig(
            lifecycle_url=lifecycle.url,
            lifecycle_auth_token=SecretStr("a.internal.z"),
            development_mode=True,
        )
        gateway = create_gateway(config)
        url = serve(gateway.app, ServerLimits(make_connection=gateway.make_connection))
        yield RawGateway(int(url.rpartition(":")[2]), job)


@pytest.fixture
def gateway(module_gateway: RawGateway) -> RawGateway:
    """A gateway whose job has received nothing yet."""
    module_gateway.job.reset()
    return module_gateway
