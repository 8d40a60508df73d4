import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import httpx
import pytest
from pub.app import create_gateway
from pub.config import PubConfig
from pub.testing.jobs import FakeJob
from pub.testing.lifecycle import FakeLifecycle
from pydantic import SecretStr
from racetrack_commons.api.server import ServerLimits
from racetrack_commons.testing.clock import FakeClock
from racetrack_commons.testing.serving import running_servers


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """A function that serves an app until the end of the test and returns its URL."""
    with running_servers() as serve:
        yield serve


@pytest.fixture
def resources() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def lifecycle(serve: Callable[..., str]) -> FakeLifecycle:
    fake = FakeLifecycle()
    fake.url = f"{serve(fake.app)}/lifecycle"
    return fake


@pytest.fixture
def start_job(serve: Callable[..., str]) -> Callable[..., str]:
    """A function that serves an app and returns its address."""
    return lambda job: serve(job).removeprefix("http://")


@pytest.fixture
def job(lifecycle: FakeLifecycle, start_job: Callable[..., str]) -> FakeJob:
    """The job that Lifecycle knows."""
    job = FakeJob()
    lifecycle.address = start_job(job)
    return job


@pytest.fixture
def start_raw_job(resources: ExitStack, lifecycle: FakeLifecycle) -> Callable[..., str]:
    """A function that serves each connection by a function of the socket, at the address that Lifecycle knows."""

    def start(serve: Callable[[socket.socket], Any], port: int = 0) -> str:
        listener = socket.create_server(("127.0.0.1", port))
        resources.callback(stop_listening, listener)
        threading.Thread(target=accept, args=(listener, serve), daemon=True).start()
        lifecycle.address = f"127.0.0.1:{listener.getsockname()[1]}"
        return lifecycle.address

    return start


def stop_listening(listener: socket.socket) -> None:
    with listener, suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)  # Closing alone does not wake a thread that waits.


def accept(listener: socket.socket, serve: Callable[[socket.socket], Any]) -> None:
    def serve_and_close(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            serve(connection)

    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve_and_close, args=(connection,), daemon=True).start()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def start_pub(
    serve: Callable[..., str], resources: ExitStack, lifecycle: FakeLifecycle
) -> Callable[..., httpx.Client]:
    """A function that starts a gateway with settings and returns a client with a token."""

    def start(clock: FakeClock | None = None, **settings: Any) -> httpx.Client:
        config = PubConfig(
            lifecycle_url=lifecycle.url,
            lifecycle_auth_token=SecretStr("a.internal.z"),
            development_mode=True,
            **settings,
        )
        headers = {"X-Racetrack-Auth": "a.good.z"}
        gateway = create_gateway(config, clock)
        limits = ServerLimits(make_connection=gateway.make_connection)
        url = serve(gateway.app, limits)
        return resources.enter_context(
            httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=20)
        )

    return start


@pytest.fixture
def pub(start_pub: Callable[..., httpx.Client]) -> httpx.Client:
    return start_pub()


@pytest.fixture
def connect(pub: httpx.Client, resources: ExitStack) -> Callable[[], socket.socket]:
    """A function that opens a raw connection to the gateway."""

    def connect() -> socket.socket:
        address = (pub.base_url.host, pub.base_url.port)
        return resources.enter_context(socket.create_connection(address, timeout=10))  # type: ignore[arg-type]

    return connect
