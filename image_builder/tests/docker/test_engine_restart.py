import contextlib
import os
import re
import secrets
import socket
import socketserver
import threading
from pathlib import Path

import pytest
from image_builder.testing.docker_engine import docker
from racetrack_commons.testing.serving import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("in_job")]

ENGINE = "/var/run/docker.sock"


class Relay(socketserver.BaseRequestHandler):
    """Forwards the bytes of one connection until either side closes it."""

    def handle(self):
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(ENGINE)
            self.server.ends += [self.request, engine]
            back = threading.Thread(target=pump, args=[engine, self.request])
            back.start()
            pump(self.request, engine)
            back.join()


def pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while content := source.recv(65536):
            sink.sendall(content)
        sink.shutdown(socket.SHUT_WR)


class EngineProxy:
    """A proxy between client and engine, which can go away like a restarted engine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self) -> None:
        self._server = socketserver.ThreadingUnixStreamServer(str(self._path), Relay)
        self._server.ends = []
        threading.Thread(target=self._server.serve_forever, args=[0.05]).start()

    def close(self) -> None:
        self._server.shutdown()
        for end in self._server.ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        self._path.unlink()


@pytest.fixture
def proxy(tmp_path, environment):
    if not Path(ENGINE).is_socket() or os.environ.get("DOCKER_HOST"):
        pytest.skip(f"the engine does not listen on {ENGINE}")
    proxy = EngineProxy(tmp_path / "engine.sock")
    proxy.open()
    environment["DOCKER_HOST"] = f"unix://{tmp_path / 'engine.sock'}"
    yield proxy
    proxy.close()


def test_a_build_outlives_a_restart_of_the_engine(start, build_docker, in_thread, proxy, config):
    client = start(docker_wait_seconds=30)
    dockerfile = (
        f"FROM debian:trixie-slim\nENV run={secrets.token_hex(4)}\nRUN echo it waits; sleep 2\n"
    )
    wait = in_thread(build_docker, dockerfile, using=client)
    log = config.build_logs_dir / "deployment-1.log"
    wait_until(
        lambda: log.exists() and re.search(r"^#\d+ [.\d]+ it waits$", log.read_text(), re.M), 30
    )

    proxy.close()
    wait_until(lambda: "begins again when it is back" in log.read_text(), 30)
    assert client.get("/health").status_code == 500
    proxy.open()
    done = wait()

    assert done.error is None
    assert docker("image", "ls", "--quiet", done.result["image_names"][0])
    assert client.get("/health").status_code == 200
