"""`racetrack rollback`."""

import sys
from typing import Annotated, Any

import typer

from racetrack_client.client.session import LONGEST_DEPLOYMENT_SECONDS, Session, job_path
from racetrack_client.commands.following import Progress, watch_deployment
from racetrack_client.commands.opening import open_session
from racetrack_client.commands.options import (
    JobName,
    Output,
    OutputOption,
    Remote,
    complete_job_version,
    print_data,
    say,
)

app = typer.Typer()


@app.callback()
def _group() -> None:
    """Keep the command a command of a group."""


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


def _roll_back(session: Session, path: str, deployment: str | None) -> dict[str, Any]:
    body = {"deployment_id": deployment} if deployment else None
    return dict(session.call("POST", path, body, timeout_seconds=LONGEST_DEPLOYMENT_SECONDS))
