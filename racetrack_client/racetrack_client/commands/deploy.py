"""`racetrack deploy` and `validate`."""

import fcntl
import os
import select
import stat
import sys
import termios
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from racetrack_client.client.deploy import (
    BuildContextMethod,
    DeployOptions,
    JobSource,
    PackedJob,
    list_notes,
    pack_job,
    start_deployment,
)
from racetrack_client.client.deployment_progress import MAX_OUTAGE_SECONDS
from racetrack_client.client.session import LONGEST_DEPLOYMENT_SECONDS, Session
from racetrack_client.client.source_files import SourceFiles, format_size
from racetrack_client.commands.following import BuildLog, Progress, watch_deployment
from racetrack_client.commands.opening import open_session
from racetrack_client.commands.options import (
    DeploymentTimeout,
    ExtraVars,
    FollowBuildLog,
    Output,
    OutputOption,
    Remote,
    TidyCommand,
    print_data,
    say,
)
from racetrack_client.manifest.load import find_manifest_path, parse_extra_vars
from racetrack_client.manifest.parse import parse_own_manifest
from racetrack_client.manifest.rules import list_deprecations, list_missing_keys

app = typer.Typer()

_LARGE_BYTES = 10 * 1024 * 1024
"""Uploads from this size on name their largest files."""
_STDIN_SECONDS = 1.0
"""The longest wait for a manifest on standard input, where the directory has none."""


@app.command("deploy", cls=TidyCommand)
def deploy(  # noqa: PLR0913 each is an option of the command
    workdir: Annotated[
        str,
        typer.Argument(
            help="Directory with job.yaml, a manifest file, or - for a manifest on standard input."
        ),
    ] = ".",
    old_remote: Annotated[str | None, typer.Argument(hidden=True, metavar="REMOTE")] = None,
    remote: Remote = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the version when it is deployed already.")
    ] = False,
    build_context: Annotated[
        BuildContextMethod,
        typer.Option(help="Send this directory, or let the builder clone from git."),
    ] = BuildContextMethod.default,
    extra_vars: ExtraVars = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Build from scratch.")] = False,
    no_smoke_test: Annotated[
        bool,
        typer.Option("--no-smoke-test", help="Do not call the job's examples before it serves."),
    ] = False,
    upgrade: Annotated[
        bool,
        typer.Option("--upgrade", help="Install the newest packages that the requirements allow."),
    ] = False,
    build_logs: FollowBuildLog = False,
    timeout: DeploymentTimeout = LONGEST_DEPLOYMENT_SECONDS,
    output: OutputOption = Output.TEXT,
) -> None:
    """Deploy the job of a directory; prints its URL."""
    session = open_session(remote or old_remote)
    switches = ["smoke_test=false"] if no_smoke_test else []
    source = _load_source(_choose_manifest(workdir), [*(extra_vars or []), *switches])
    options = DeployOptions(force, build_context, no_cache, upgrade)
    progress = Progress(sys.stderr)
    packed = pack_job(source, options, session.config.git_credentials, progress.on_bytes("packing"))
    progress.clear()
    tell_of_keys(source.content)
    tell_notes(packed.notes)
    manifest = packed.manifest
    origin = _describe_origin(packed)
    say(f"deploying {manifest.name} {manifest.version} to {session.lifecycle_url} from {origin}")
    tell_left_out(packed.files)
    deployment_id = start_deployment(
        session, packed.payload, progress.on_bytes("sending"), lambda: _tell_outage(session)
    )
    log = BuildLog(session, deployment_id, progress.write_through) if build_logs else None
    deployment = watch_deployment(session, deployment_id, progress, timeout, log)
    say(f"{manifest.name} {manifest.version} is deployed after {progress.elapsed_seconds:.1f} s")
    print_data(deployment, output, (deployment.get("job") or {}).get("pub_url") or "")


def _tell_outage(session: Session) -> None:
    say(
        f"Lifecycle at {session.lifecycle_url} does not answer;"
        f" trying again for {MAX_OUTAGE_SECONDS} s (`racetrack get remote` shows the remote)"
    )


@app.command("validate")
def validate(
    path: Annotated[
        str,
        typer.Argument(
            help="Directory with job.yaml, a manifest file, or - for a manifest on standard input."
        ),
    ] = ".",
    extra_vars: ExtraVars = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Check a manifest and print it with defaults filled in."""
    source = _load_source(path, extra_vars)
    manifest = parse_own_manifest(source.content)
    tell_of_keys(source.content)
    if (
        source.choose_build_context(manifest, BuildContextMethod.default)
        == BuildContextMethod.local
    ):
        tell_notes(list_notes(source.directory, manifest))
    content = manifest.model_dump(mode="json", exclude_none=True)
    print_data(content, output, yaml.safe_dump(content))


def tell_of_keys(content: dict[str, Any]) -> None:
    """Print a warning for each deprecated key of a manifest, and a note for each key that it should have."""
    for deprecation in list_deprecations(content):
        say(f"warning: {deprecation}")
    tell_notes(list_missing_keys(content))


def tell_notes(notes: list[str]) -> None:
    """Print notes about the job's code."""
    for note in notes:
        say(f"note: {note}")


def tell_left_out(files: SourceFiles | None) -> None:
    """Print which files are not sent, in one line."""
    left_out = files.describe_left_out() if files is not None else ""
    if left_out:
        say(f"left out: {left_out}; `racetrack files` lists everything and says why")


def _choose_manifest(workdir: str) -> str:
    """Return `-` where a manifest waits on standard input and the directory has none; older clients read it there."""
    if workdir != "." or not _is_piped(sys.stdin.fileno()):
        return workdir
    if find_manifest_path(Path(workdir)) is None:
        select.select([sys.stdin], [], [], _STDIN_SECONDS)
        return "-" if _has_input(sys.stdin.fileno()) else workdir
    if _has_input(sys.stdin.fileno()):
        say(
            "warning: job.yaml of this directory is deployed, and standard input is not read; "
            "`racetrack deploy -` takes the manifest from there"
        )
    return workdir


def _is_piped(descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def _has_input(descriptor: int) -> bool:
    """Return whether bytes can be read at once; none is taken."""
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode):
        return status.st_size > os.lseek(descriptor, 0, os.SEEK_CUR)
    waiting = fcntl.ioctl(descriptor, termios.FIONREAD, b"\0" * 4)
    return int.from_bytes(waiting, sys.byteorder) > 0


def _load_source(path: str, extra_vars: list[str] | None) -> JobSource:
    variables = parse_extra_vars(extra_vars or [])
    if path == "-":
        return JobSource.read(sys.stdin.read(), variables)
    return JobSource.load(Path(path), variables)


def _describe_origin(packed: PackedJob) -> str:
    context = packed.payload.build_context
    if packed.files is not None and context is not None:
        size = len(context) * 3 // 4
        largest = f", most of it {packed.files.describe_largest()}" if size > _LARGE_BYTES else ""
        return f"the files here, {format_size(size)}{largest}"
    git = packed.manifest.git
    branch = f", branch {git.branch}" if git.branch else ""
    return f"{git.remote}{branch}; --build-context local sends the files here"
