"""A local git host for tests, with HTTPS, its own certificate, and credentials."""

import base64
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from racetrack_client.entities import Credentials

_ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class GitServer:
    """A git host that serves the repositories of a directory to clients with the right credentials."""

    url: str
    directory: Path
    certificate: Path
    """The certificate that clients must trust, as `GIT_SSL_CAINFO`."""
    credentials: Credentials = field(
        default_factory=lambda: Credentials(username="alice", password="a password with / and @")
    )

    def publish(self, name: str, files: Mapping[str, str]) -> str:
        """Create a repository with one commit on the branch main; return its URL."""
        repository = self.directory / name
        repository.mkdir()
        for path, text in files.items():
            (repository / path).parent.mkdir(parents=True, exist_ok=True)
            (repository / path).write_text(text)
        for arguments in (
            ["init", "--quiet", "--initial-branch=main"],
            ["add", "--all"],
            ["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "first"],
        ):
            subprocess.run(["git", "-C", repository, *arguments], check=True)
        return f"{self.url}/{name}"


@contextmanager
def running_git_server(directory: Path) -> Iterator[GitServer]:
    """Serve the repositories below `directory / "repositories"` on a free port."""
    repositories = directory / "repositories"
    repositories.mkdir()
    certificate = _make_certificate(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with _GitHttpServer((_ADDRESS, 0), _GitRequestHandler) as server:
        url = f"https://{_ADDRESS}:{server.server_address[1]}"
        server.git = GitServer(url, repositories, certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, name="git-server", daemon=True)
        thread.start()
        try:
            yield server.git
        finally:
            server.shutdown()
            thread.join()


class _GitHttpServer(ThreadingHTTPServer):
    git: GitServer


class _GitRequestHandler(BaseHTTPRequestHandler):
    """Passes requests on to git's own CGI program."""

    server: _GitHttpServer

    def do_GET(self) -> None:
        self._answer_git(b"")

    def do_POST(self) -> None:
        self._answer_git(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def _answer_git(self, body: bytes) -> None:
        git = self.server.git
        user = git.credentials
        known = base64.b64encode(f"{user.username}:{user.password}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {known}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self._answer(self._run_backend(git, body))

    def _run_backend(self, git: GitServer, body: bytes) -> bytes:
        url = urlsplit(self.path)
        environment = {
            "PATH": os.defpath,
            "GIT_PROJECT_ROOT": str(git.directory),
            "GIT_HTTP_EXPORT_ALL": "1",
            # The repositories may belong to another user than the one of this process.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": url.path,
            "QUERY_STRING": url.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_USER": git.credentials.username,
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=environment, capture_output=True, check=True
        )
        return done.stdout

    def _answer(self, output: bytes) -> None:
        head, _, content = output.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _make_certificate(directory: Path) -> Path:
    """Write a key and its certificate to one file; return its path."""
    path = directory / "certificate.pem"
    command = ["openssl", "req", "-x509", "-nodes", "-days", "1", "-newkey", "rsa:2048"]
    command += ["-subj", "/CN=git", "-addext", f"subjectAltName=IP:{_ADDRESS}"]
    command += ["-keyout", str(path.with_suffix(".key")), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    path.write_text(path.read_text() + path.with_suffix(".key").read_text())
    return path
