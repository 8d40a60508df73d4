"""A tiny job that goes wrong when it is told to, its image, and the Docker engine that runs it."""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TINY_JOB = """
import http.server, json, os, signal, socket, sys, time, urllib.parse

if os.environ.get("END_WITH"):
    print("model is missing", flush=True)
    sys.exit(int(os.environ["END_WITH"]))
if os.environ.get("DEAF"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
print("serving", os.environ.get("COLOUR"), flush=True)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path, _, argument = self.path.partition("?")
        if path == "/end":
            print("told to end", flush=True)
            os._exit(int(argument))
        if path == "/eat":
            bytes(int(argument)).replace(bytes(1), b"x")
        if path == "/deaf":
            server.shutdown()
            if argument == "closed":
                server.socket.close()
        if path == "/say":
            print(argument, flush=True)
        if path == "/write":
            descriptor, text, times = argument.split("&")
            content = urllib.parse.unquote_to_bytes(text) * int(times)
            while content:
                content = content[os.write(int(descriptor), content):]
        live = {"live": True, "deployment_timestamp": int(os.environ["JOB_DEPLOYMENT_TIMESTAMP"])}
        self.answer(dict(os.environ) if path == "/environment" else live)

    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


address, sockets = (sys.argv[1], int(sys.argv[2])), sys.argv[3:]
server = http.server.ThreadingHTTPServer(address, Handler, bind_and_activate=not sockets)
if sockets:
    server.socket = socket.socket(fileno=int(sockets[0]))
server.serve_forever()
while True:
    signal.pause()
"""
"""The arguments are host and port, and perhaps the file descriptor of a socket that listens there.

The variables are END_WITH (an exit code), DEAF (to SIGTERM), COLOUR (is logged).

The paths are /end?<exit code>, /deaf?hanging or /deaf?closed, /eat?<bytes>, /say?<a line for the log>,
/write?<file descriptor>&<percent-encoded text>&<times>, /environment; all others answer like /live.
"""


DOCKERFILE = """FROM python:3.13-slim-trixie
LABEL racetrack-component=job
COPY job.py /job.py
USER 65534
CMD ["python", "/job.py", "0.0.0.0", "7000"]
"""


def run_docker(*arguments: str) -> str:
    """Run Docker's command line and return its output; raise RuntimeError with its errors."""
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    if done.returncode != 0:
        raise RuntimeError(f"docker {' '.join(arguments)} failed: {done.stderr}")
    return done.stdout.strip()


@contextmanager
def build_tiny_image(folder: Path) -> Iterator[str]:
    """Build an image of the tiny job and give its name; remove it at the end."""
    name = f"target-test-{secrets.token_hex(4)}:1"
    (folder / "job.py").write_text(TINY_JOB)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    run_docker("build", "--quiet", f"--tag={name}", str(folder))
    try:
        yield name
    finally:
        run_docker("image", "rm", "--force", name)


@contextmanager
def platform_of_its_own() -> Iterator[str]:
    """Give a new value for `platform_name`; remove that platform's containers and networks at the end."""
    name = f"target-test-{secrets.token_hex(4)}"
    label = f"--filter=label=racetrack-platform={name}"
    try:
        yield name
    finally:
        containers = run_docker("ps", "--all", "--quiet", label).split()
        if containers:
            run_docker("rm", "--force", "--volumes", *containers)
        networks = run_docker("network", "ls", "--quiet", label).split()
        if networks:
            run_docker("network", "rm", *networks)
