"""Fixtures: a fake Lifecycle with fixed answers over real HTTP, and a command line that calls it."""

import contextlib
import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

API = "/lifecycle/api/v1/"


@dataclass
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    body: Any = None
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class FakeLifecycle:
    """Answers each route with its answers in turn; the last answer is repeated."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.routes: dict[str, list[Answer]] = {}

    def start(self, root: str) -> None:
        self.root, self.url = root, f"{root}/lifecycle"
        self.on("GET info", Answer({"auth_required": True, "external_pub_url": f"{root}/pub"}))

    def on(self, route: str, *answers: Answer) -> None:
        method, path = route.split(" ", 1)
        self.routes[f"{method} {path if path.startswith('/') else API + path}"] = list(answers)

    def answer(self, received: Received) -> Answer:
        self.received.append(received)
        answers = self.routes.get(f"{received.method} {received.path}")
        if not answers:
            return Answer({"error": f"no route {received.path}", "type": "EntityNotFound"}, 404)
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def requests_to(self, path: str) -> list[Received]:
        return [each for each in self.received if each.path.endswith(path)]


def _handler(answer: Callable[[Received], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            received = Received(
                self.command, self.path, dict(self.headers.items()), self.rfile.read(length)
            )
            told = answer(received)
            body = told.encoded()
            self.send_response(told.status)
            headers = {"Content-Type": told.content_type, "Content-Length": str(len(body))}
            for key, value in (headers | told.headers).items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

        def log_message(self, *args: Any) -> None:
            """Keep the output of tests clean."""

    return Handler


@pytest.fixture
def serve_http() -> Iterator[Callable[[Callable[[Received], Answer]], str]]:
    """Start servers on free ports; the fixture returns a function that returns a server's URL."""
    servers = []

    def serve(answer: Callable[[Received], Answer], tls: ssl.SSLContext | None = None) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answer))
        if tls is not None:
            server.socket = tls.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        servers.append((server, thread))
        return f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"

    yield serve
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def lifecycle(serve_http: Callable[[Callable[[Received], Answer]], str]) -> FakeLifecycle:
    fake = FakeLifecycle()
    fake.start(serve_http(fake.answer))
    return fake


@dataclass
class Shown:
    returncode: int
    screen: str


@dataclass
class Racetrack:
    """The command line as a separate process with its own home directory."""

    home: Path
    workdir: Path
    variables: dict[str, str]

    @property
    def config_path(self) -> Path:
        return self.home / ".racetrack/config.yaml"

    def __call__(
        self, *arguments: str, stdin: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "racetrack_client", *arguments],
            cwd=self.workdir,
            env={**self.variables, **variables},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def on_terminal(self, *arguments: str, typed: str = "", **variables: str) -> "Shown":
        """Run a command on a terminal where a line is typed; return what the terminal shows."""
        terminal, end = os.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "racetrack_client", *arguments],
            cwd=self.workdir,
            env={**self.variables, **variables},
            stdin=end,
            stdout=end,
            stderr=end,
            start_new_session=True,
        )
        os.close(end)
        os.write(terminal, typed.encode())
        screen = b""
        with contextlib.suppress(OSError):  # The end of a terminal is an error.
            while piece := os.read(terminal, 65536):
                screen += piece
        os.close(terminal)
        return Shown(process.wait(60), screen.decode().replace("\r\n", "\n"))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command in a session of its own, so that a signal reaches it and its children only."""
        return subprocess.Popen(
            [sys.executable, "-m", "racetrack_client", *arguments],
            cwd=self.workdir,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


@pytest.fixture
def racetrack(tmp_path: Path) -> Racetrack:
    home, workdir = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    workdir.mkdir()
    kept = {key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ}
    return Racetrack(home, workdir, {**kept, "HOME": str(home), "COLUMNS": "120"})


@pytest.fixture
def logged_in(racetrack: Racetrack, lifecycle: FakeLifecycle) -> Racetrack:
    racetrack.variables |= {
        "RACETRACK_REMOTE": lifecycle.url,
        "RACETRACK_AUTH_TOKEN": "the-token",
    }
    return racetrack


@pytest.fixture
def answer() -> type[Answer]:
    """An answer of the fake: its body, status and content type."""
    return Answer
