"""`racetrack deploy` and `racetrack validate`."""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.status import Status

from racetrack_client.client.deploy import (
    BuildContextMethod,
    DeployOptions,
    follow_deployment,
    make_payload,
)
from racetrack_client.commands.options import (
    ExtraVars,
    Output,
    OutputOption,
    Remote,
    open_session,
    print_data,
    say,
)
from racetrack_client.manifest.load import load_manifest, parse_extra_vars

app = typer.Typer()


class Progress:
    """Shows the phase and the elapsed time of a deployment.

    On a terminal this is one live line; elsewhere each phase gets a line.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.started = time.monotonic()
        self.phase = ""
        self.warnings = ""
        self.status: Status | None = (
            console.status("submitting the job") if console.is_terminal else None
        )

    @contextmanager
    def shown(self) -> Iterator["Progress"]:
        """Show the live line while the block runs."""
        if self.status:
            self.status.start()
        try:
            yield self
        finally:
            if self.status:
                self.status.stop()

    def update(self, deployment: dict[str, Any]) -> None:
        """Take in a newer state of the deployment."""
        phase, elapsed = deployment.get("phase") or self.phase, time.monotonic() - self.started
        if self.status:
            self.status.update(f"{phase or 'submitted'} ({elapsed:.0f} s)")
        elif phase != self.phase:
            say(f"[{elapsed:5.1f} s] {phase}")
        warnings = deployment.get("warnings") or ""
        if warnings != self.warnings:
            say("warning: " + warnings.removeprefix(self.warnings).strip())
        self.phase, self.warnings = phase, warnings


@app.command("deploy")
def deploy(  # noqa: PLR0913 each is an option of the command
    workdir: Annotated[
        str,
        typer.Argument(
            help="Directory with job.yaml, a manifest file, or - for a manifest on standard input."
        ),
    ] = ".",
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
    session = open_session(remote)
    options = DeployOptions(
        force=force,
        build_context=build_context,
        no_cache=no_cache,
        extra_vars=parse_extra_vars(extra_vars or []),
    )
    with _workdir(workdir) as path:
        manifest, payload = make_payload(path, options, session)
    say(f"deploying {manifest.name} {manifest.version} to {session.lifecycle_url}")
    with Progress(Console(stderr=True)).shown() as progress:
        deployment_id = session.call("POST", "deploy", payload)["id"]
        deployment = follow_deployment(session, deployment_id, progress.update)
        elapsed = time.monotonic() - progress.started
    say(f"{manifest.name} {manifest.version} is deployed after {elapsed:.1f} s")
    url = deployment["job"]["pub_url"]
    print_data(deployment, output, url)


@app.command("validate")
def validate(
    path: Annotated[
        Path, typer.Argument(help="Directory with job.yaml, or a manifest file.")
    ] = Path(),
    extra_vars: ExtraVars = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Check a manifest and print it with defaults filled in."""
    manifest = load_manifest(path, parse_extra_vars(extra_vars or []))
    content = manifest.model_dump(mode="json", exclude_none=True)
    print_data(content, output, yaml.safe_dump(content))


@contextmanager
def _workdir(workdir: str) -> Iterator[Path]:
    if workdir != "-":
        yield Path(workdir)
        return
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "job.yaml").write_text(sys.stdin.read())
        yield Path(directory)
