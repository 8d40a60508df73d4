"""`racetrack deploy` and `racetrack validate`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from racetrack_client.client.deploy import (
    BuildContextMethod,
    DeployOptions,
    JobSource,
    follow_deployment,
    make_payload,
)
from racetrack_client.commands.opening import open_session
from racetrack_client.commands.options import (
    ExtraVars,
    Output,
    OutputOption,
    Remote,
    print_data,
    say,
)
from racetrack_client.commands.progress import Progress
from racetrack_client.manifest.load import parse_extra_vars
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
    old_remote: Annotated[str | None, typer.Argument(hidden=True)] = None,
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
    output: OutputOption = Output.TEXT,
) -> None:
    """Deploy the job of a directory; prints its URL."""
    session = open_session(remote or old_remote)
    variables = parse_extra_vars(extra_vars or [])
    source = (
        JobSource.read(sys.stdin.read(), variables)
        if workdir == "-"
        else JobSource.load(Path(workdir), variables)
    )
    options = DeployOptions(force, build_context, no_cache)
    manifest, payload = make_payload(source, options, session)
    warn_of_deprecations(source.content)
    say(f"deploying {manifest.name} {manifest.version} to {session.lifecycle_url}")
    progress = Progress(sys.stderr)
    try:
        deployment_id = session.call("POST", "deploy", payload, timeout_seconds=600)["id"]
        deployment = follow_deployment(session, deployment_id, progress.update)
    finally:
        progress.clear()
    say(f"{manifest.name} {manifest.version} is deployed after {progress.elapsed_seconds:.1f} s")
    print_data(deployment, output, (deployment.get("job") or {}).get("pub_url") or "")


@app.command("validate")
def validate(
    path: Annotated[
        Path, typer.Argument(help="Directory with job.yaml, or a manifest file.")
    ] = Path(),
    extra_vars: ExtraVars = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Check a manifest and print it with defaults filled in."""
    source = JobSource.load(path, parse_extra_vars(extra_vars or []))
    manifest = parse_manifest(source.content)
    warn_of_deprecations(source.content)
    content = manifest.model_dump(mode="json", exclude_none=True)
    print_data(content, output, yaml.safe_dump(content))


def warn_of_deprecations(content: dict[str, Any]) -> None:
    """Name the keys of a manifest that should be written otherwise."""
    for deprecation in list_deprecations(content):
        say(f"warning: {deprecation}")
