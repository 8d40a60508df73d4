"""A job on this machine: its image is built, then it runs in the foreground until it ends or the user stops it."""

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from racetrack_client.client.deployment_progress import DeploymentError, follow_deployment
from racetrack_client.client.run import JOB_INTERNAL_PORT
from racetrack_client.client.session import Session
from racetrack_client.docker_labels import DockerLabel
from racetrack_client.entities import DeployPayload, ProcessImage, job_resource_name
from racetrack_client.log.errors import EntityNotFound, ValidationError
from racetrack_client.manifest.manifest import Manifest

HOST = "127.0.0.1"
_INTERRUPTED = {0, 130, 143, -signal.SIGINT, -signal.SIGTERM}
_ADVICE = "Where Lifecycle keeps its images to itself, install racetrack-image-builder beside this command"
_MOST_PORTS = 100
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE")


class JobEnded(RuntimeError):
    """The job ended by itself."""


@dataclass(frozen=True)
class LocalJob:
    """A job to run on this machine."""

    manifest: Manifest
    port: int
    command: Sequence[str] = ()
    """The command that replaces the image's own; empty: the image's own runs."""
    secret_env: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def url(self) -> str:
        """The job's URL."""
        return f"http://{HOST}:{self.port}/pub/job/{self.manifest.name}/{self.manifest.version}"

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of the job beyond those of its image."""
        return {
            **(self.manifest.runtime_env or {}),
            **self.secret_env,
            "JOB_NAME": self.manifest.name,
            "JOB_VERSION": self.manifest.version,
            "JOB_DEPLOYMENT_TIMESTAMP": str(int(time.time())),
        }


@dataclass(frozen=True)
class RunnableImage:
    """The image to start a job from: a directory for a process, or the name of a container image."""

    name: str
    directory: Path | None = None


def check_port(port: int) -> None:
    """Raise ValidationError when the port can't be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ValidationError(
                f"port {port} of this machine can't be used: {error.strerror}; choose another with --port"
            ) from error


def choose_port() -> int:
    """Return the usual port, or the next one that is free: the first job of a platform here has the usual one."""
    for port in range(JOB_INTERNAL_PORT, JOB_INTERNAL_PORT + _MOST_PORTS):
        with contextlib.suppress(ValidationError):
            check_port(port)
            return port
    raise ValidationError(
        f"ports {JOB_INTERNAL_PORT} to {JOB_INTERNAL_PORT + _MOST_PORTS - 1} are taken; choose another with --port"
    )


def run_process(job: LocalJob, directory: Path, environment: Mapping[str, str]) -> None:
    """Run the image of a process in `directory`; `environment` is the user's, most of which the job does not inherit."""
    image = ProcessImage.load(directory)
    command = job.command or image.fill_command(HOST, job.port)
    inherited = {name: value for name, value in environment.items() if name in _PASSED_ON}
    inherited |= image.make_path_variables(inherited.get("PATH", ""))
    variables = {**image.environment, "PYTHONUNBUFFERED": "1", **job.variables}
    _run_to_its_end(command, directory / image.workdir, inherited | variables)


def run_container(job: LocalJob, image: str, environment: Mapping[str, str]) -> None:
    """Run a container image on the Docker engine of this machine; it is removed at the end."""
    docker = shutil.which("docker")
    if docker is None:
        raise ValidationError(
            f"the job is run from image {image}, and docker is not installed here; install it. {_ADVICE}"
        )
    _fetch(docker, image)
    _run_to_its_end(
        _make_docker_command(docker, job, image), None, {**environment, **_get_variables(job)}
    )


def run_image(job: LocalJob, image: RunnableImage, environment: Mapping[str, str]) -> None:
    """Run an image of either kind."""
    if image.directory is not None:
        run_process(job, image.directory, environment)
    else:
        run_container(job, image.name, environment)


def has_builder() -> bool:
    """Return whether an Image Builder is installed beside the command."""
    return importlib.util.find_spec("image_builder") is not None


def build_here(payload: DeployPayload) -> RunnableImage:
    """Build on this machine, without any server; the builder prints its progress on standard error."""
    command = [sys.executable, "-m", "image_builder", "make-image"]
    # In a session of its own, the builder does not hear of Ctrl-C, whose traceback would cover the screen. This process
    # hears of it as soon as it can end the builder.
    unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
            output, _ = process.communicate(json.dumps(payload.model_dump()))
        except KeyboardInterrupt:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise
    if process.returncode != 0:
        raise DeploymentError("the image was not built, see above")
    image = json.loads(output)
    directory = Path(image["directory"]) if image["directory"] else None
    return RunnableImage(_get_only_one(image["image_names"]), directory)


def build_remotely(
    session: Session, payload: DeployPayload, on_progress: Callable[[dict[str, Any]], None]
) -> RunnableImage:
    """Let Lifecycle build a container image."""
    started = session.call("POST", "build", payload.model_dump(), timeout_seconds=600)
    deployment = follow_deployment(session, started["id"], on_progress)
    return RunnableImage(_get_only_one([deployment.get("image_name") or ""]))


def _get_variables(job: LocalJob) -> dict[str, str]:
    # The image contains the build's variables; empty values keep them from the running job.
    return {**dict.fromkeys(job.manifest.build_env or {}, ""), **job.variables}


def _make_docker_command(docker: str, job: LocalJob, image: str) -> list[str]:
    name, version = job.manifest.name, job.manifest.version
    command = [docker, "run", "--rm", "--init"]
    if sys.stdin.isatty():
        command += ["--interactive", "--tty"]
    command += ["--name", f"local-{job_resource_name(name, version)}"]
    command += ["--publish", f"{HOST}:{job.port}:{JOB_INTERNAL_PORT}"]
    command += ["--label", f"{DockerLabel.JOB_NAME}={name}"]
    command += ["--label", f"{DockerLabel.JOB_VERSION}={version}"]
    # Only the names: docker reads the values from its own environment, which no list of processes shows.
    for variable in _get_variables(job):
        command += ["--env", variable]
    return [*command, image, *job.command]


def _fetch(docker: str, image: str) -> None:
    here = subprocess.run([docker, "image", "inspect", image], capture_output=True, check=False)
    if here.returncode == 0:
        return
    pulled = subprocess.run([docker, "pull", image], stdout=sys.stderr, check=False)
    if pulled.returncode != 0:
        registry = image.partition("/")[0]
        raise EntityNotFound(
            f"image {image} can't be pulled; `docker login {registry}` may help. {_ADVICE}"
        )


def _run_to_its_end(
    command: Sequence[str], directory: Path | None, environment: Mapping[str, str]
) -> None:
    with subprocess.Popen(command, cwd=directory, env=environment) as process:
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        while True:
            try:
                code = process.wait()
                break
            except KeyboardInterrupt:
                continue  # The terminal has interrupted the job as well, so it ends by itself.
    if code not in _INTERRUPTED:
        raise JobEnded(f"the job ended with code {code}")


def _get_only_one(names: list[str]) -> str:
    if len(names) != 1 or not names[0]:
        raise ValidationError(
            f"the job consists of {len(names)} images, only jobs of one can be run alone; deploy it"
        )
    return names[0]
