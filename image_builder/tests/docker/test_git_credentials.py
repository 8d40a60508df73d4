import base64
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from image_builder.testing.docker_engine import docker
from racetrack_commons.testing.builders import a_manifest_dict

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("in_job")]

PASSWORD = "tulip/9431 secret"
DOCKERFILE = "FROM debian:trixie-slim\nCOPY . /src/\nRUN env; ls -lA /src\n"


class GitServer(BaseHTTPRequestHandler):
    """Serves the repositories of a directory to the user with the password."""

    root: str

    def do_GET(self):
        if self.headers.get("Authorization") != basic_auth("gardener", PASSWORD):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": self.root,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "REMOTE_USER": "gardener",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        answer = subprocess.run(
            ["git", "http-backend"], env=environment, input=body, capture_output=True, check=True
        ).stdout
        head, _, content = answer.partition(b"\r\n\r\n")
        self.send_response(200)
        for line in head.decode().splitlines():
            self.send_header(*line.split(": ", 1))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - the name that the base class looks for

    def log_message(self, *_):
        pass


def basic_auth(user, password):
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@pytest.fixture
def remote(tmp_path):
    directory = tmp_path / "served/jobs"
    (directory / "adder").mkdir(parents=True)
    (directory / "adder/Dockerfile").write_text(DOCKERFILE)
    (directory / "adder/adder.py").write_text("class Adder:\n    def perform(self): ...\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "safe.directory=*"]
    for arguments in (["init", "-b", "main"], ["add", "."], ["commit", "-m", "first"]):
        subprocess.run(
            ["git", *identity, *arguments], cwd=directory, check=True, capture_output=True
        )
    handler = type("Handler", (GitServer,), {"root": str(tmp_path / "served")})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/jobs/.git"
    server.shutdown()
    server.server_close()
    thread.join()


def test_credentials_of_a_repository_never_show(start, build_docker, remote, config, platform):
    client = start(git_protocols=("http",))
    done = build_docker(
        build_context=None,
        manifest=a_manifest_dict(git={"remote": remote, "directory": "adder"}),
        git_credentials={"username": "gardener", "password": PASSWORD},
        using=client,
    )

    assert done.error is None
    name = done.result["image_names"][0]
    assert docker("run", "--rm", "--network=none", name, "ls", "-A", "/src").split() == [
        "Dockerfile",
        "adder.py",
        "job.yaml",
    ]
    log = (config.build_logs_dir / "deployment-1.log").read_text()
    history = docker("history", "--no-trunc", name) + docker("image", "inspect", name)
    for text in (done.text, log, history):
        assert "tulip" not in text
        assert "gardener" not in text
        assert base64.b64encode(f"gardener:{PASSWORD}".encode()).decode() not in text
