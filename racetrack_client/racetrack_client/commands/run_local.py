"""`racetrack run-local`: build a job and run it on this machine, without deploying it."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from racetrack_client.client.deploy import (
    BuildContextMethod,
    DeployOptions,
    JobSource,
    pack_job,
)
from racetrack_client.client.local_job import (
    LocalJob,
    RunnableImage,
    build_here,
    build_remotely,
    check_port,
    choose_port,
    has_builder,
    run_image,
)
from racetrack_client.client.session import Session
from racetrack_client.commands.deploy import tell_left_out, tell_of_keys
from racetrack_client.commands.following import Progress
from racetrack_client.commands.opening import open_session, read_variables
from racetrack_client.commands.options import ExtraVars, Remote, say
from racetrack_client.entities import DeployPayload
from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest.load import parse_extra_vars

app = typer.Typer()


@app.callback()
def _group() -> None:
    """Keep the command a command of a group."""


@app.command("run-local")
def run_local(
    workdir: Annotated[
        Path, typer.Argument(help="Directory with job.yaml, or a manifest file.")
    ] = Path(),
    remote: Remote = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="Where the job listens on this machine; default: 7000, or the next port that is free.",
        ),
    ] = None,
    build_context: Annotated[
        BuildContextMethod, typer.Option(help="Build this directory, or what is in git.")
    ] = BuildContextMethod.default,
    extra_vars: ExtraVars = None,
    cmd: Annotated[
        str | None,
        typer.Option(help="Run this command instead of the job's own."),
    ] = None,
) -> None:
    """Run a job on this machine, without deploying it.

    With racetrack-image-builder installed beside this command, all of it happens here, and most jobs need no Docker.
    Otherwise, or with --remote, Lifecycle builds a container image, which Docker runs here.
    """
    if port is not None:
        check_port(port)
    command = _split_command(cmd or "")
    session = open_session(remote)
    is_here = remote is None and has_builder()
    source = JobSource.load(workdir, parse_extra_vars(extra_vars or []))
    options = DeployOptions(build_context=build_context)
    packed = pack_job(source, options, session.config.git_credentials)
    manifest, payload = packed.manifest, packed.payload
    tell_of_keys(source.content)
    tell_left_out(packed.files)
    image = build_here(payload) if is_here else _build_remotely(session, payload)
    job = LocalJob(manifest, port or choose_port(), command, payload.get_secret_vars().runtime_env)
    say(f"{manifest.name} {manifest.version} starts at {job.url}; Ctrl-C ends it")
    run_image(job, image, read_variables())


def _split_command(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ValidationError(f"--cmd {text!r} is no command: {str(error).lower()}") from error


def _build_remotely(session: Session, payload: DeployPayload) -> RunnableImage:
    progress = Progress(sys.stderr)
    try:
        return build_remotely(session, payload, progress.update)
    finally:
        progress.clear()
