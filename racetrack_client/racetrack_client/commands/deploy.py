"""`racetrack deploy`, `validate` and `rollback`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from racetrack_client.client.deploy import (
    BuildContextMethod,
    DeployOptions,
    JobSource,
    make_payload,
)
from racetrack_client.client.pack import format_size
from racetrack_client.client.session import LONGEST_DEPLOYMENT_SECONDS, Session, job_path
from racetrack_client.commands.following import BuildLog, Progress, watch_deployment
from racetrack_client.commands.opening import open_session
from racetrack_client.commands.options import (
    ExtraVars,
    JobName,
    Output,
    OutputOption,
    Remote,
    complete_job_version,
    print_data,
    say,
)
from racetrack_client.manifest.load import parse_extra_vars
from racetrack_client.manifest.manifest import Manifest
from racetrack_client.manifest.parse import parse_manifest
from racetrack_client.manifest.rules import list_deprecations

app = typer.Typer()


@app.command("deploy")
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
    build_logs: Annotated[
        bool, typer.Option("--build-logs", help="Show the log of the build while it grows.")
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(min=0, metavar="SECONDS", help="How long to wait; the deployment goes on."),
    ] = LONGEST_DEPLOYMENT_SECONDS,
    output: OutputOption = Output.TEXT,
) -> None:
    """Deploy the job of a directory; prints its URL."""
    session = open_session(remote or old_remote)
    source = _load_source(workdir, extra_vars)
    options = DeployOptions(force, build_context, no_cache)
    manifest, payload = make_payload(source, options, session)
    warn_of_deprecations(source.content)
    origin = _describe_origin(manifest, payload.build_context)
    say(f"deploying {manifest.name} {manifest.version} to {session.lifecycle_url} from {origin}")
    progress = Progress(sys.stderr)
    deployment_id = session.call("POST", "deploy", payload.model_dump(), timeout_seconds=600)["id"]
    log = BuildLog(session, deployment_id, progress.write_through) if build_logs else None
    deployment = watch_deployment(session, deployment_id, progress, timeout, log)
    say(f"{manifest.name} {manifest.version} is deployed after {progress.elapsed_seconds:.1f} s")
    print_data(deployment, output, (deployment.get("job") or {}).get("pub_url") or "")


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
    manifest = parse_manifest(source.content)
    warn_of_deprecations(source.content)
    content = manifest.model_dump(mode="json", exclude_none=True)
    print_data(content, output, yaml.safe_dump(content))


@app.command("rollback", no_args_is_help=True)
def rollback(
    name: JobName,
    version: Annotated[
        str,
        typer.Argument(
            help="Exact version, latest, or a pattern such as 1.x.",
            autocompletion=complete_job_version,
        ),
    ] = "latest",
    remote: Remote = None,
    deployment: Annotated[
        str | None,
        typer.Option(
            help="Id of the deployment to go back to; default: the one before.", show_default=False
        ),
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Bring the previous deployment of a job back, without a build; prints the job's URL."""
    session = open_session(remote)
    exact = session.call("GET", job_path(name, version))["version"]
    progress = Progress(sys.stderr)
    started = _roll_back(session, job_path(name, exact, "rollback"), deployment)
    done = watch_deployment(session, started["deployment_id"], progress)
    say(
        f"{name} {exact} is back at deployment {started['restored_deployment_id']} "
        f"after {progress.elapsed_seconds:.1f} s"
    )
    print_data(started | {"deployment": done}, output, (done.get("job") or {}).get("pub_url") or "")


def warn_of_deprecations(content: dict[str, Any]) -> None:
    """Print a warning for each deprecated key of a manifest."""
    for deprecation in list_deprecations(content):
        say(f"warning: {deprecation}")


def _load_source(path: str, extra_vars: list[str] | None) -> JobSource:
    variables = parse_extra_vars(extra_vars or [])
    if path == "-":
        return JobSource.read(sys.stdin.read(), variables)
    return JobSource.load(Path(path), variables)


def _describe_origin(manifest: Manifest, build_context: str | None) -> str:
    if build_context is not None:
        return f"the files here, {format_size(len(build_context) * 3 // 4)}"
    git = manifest.git
    branch = f", branch {git.branch}" if git.branch else ""
    return f"{git.remote}{branch}; --build-context local sends the files here"


def _roll_back(session: Session, path: str, deployment: str | None) -> dict[str, Any]:
    body = {"deployment_id": deployment} if deployment else None
    return dict(session.call("POST", path, body, timeout_seconds=LONGEST_DEPLOYMENT_SECONDS))
