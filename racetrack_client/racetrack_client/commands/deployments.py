"""`racetrack rollback`, `deployments`, `attach` and `cancel`."""

import sys
import time
from shlex import quote
from textwrap import shorten
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from racetrack_client.client.deployment_progress import describe_status, find_cause, is_running
from racetrack_client.client.session import LONGEST_DEPLOYMENT_SECONDS, Session, job_path
from racetrack_client.client.suggestions import suggest_job
from racetrack_client.commands.following import BuildLog, Progress, watch_deployment
from racetrack_client.commands.opening import open_session
from racetrack_client.commands.options import (
    DeploymentTimeout,
    FollowBuildLog,
    JobName,
    Output,
    OutputOption,
    Remote,
    complete_exact_version,
    complete_job_version,
    format_table,
    print_data,
    say,
)
from racetrack_client.log.errors import EntityNotFound
from racetrack_client.utils.time import days_ago_text

app = typer.Typer()

HEADER = ("ID", "VERSION", "KIND", "STATUS", "BY", "BEGUN", "TOOK", "ROLLBACK", "CAUSE")
_LONGEST_CAUSE = 100
Deployment = Annotated[
    str,
    typer.Argument(help="Id of a deployment, or the name of a job that is being deployed."),
]


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
            help="Id of the deployment to go back to, as `racetrack deployments` lists it; default: the one before.",
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            help="Point latest, and patterns such as 1.x, at this version; newest: at the highest again.",
            autocompletion=complete_exact_version,
        ),
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Bring the previous deployment of a job back, without a build; prints the job's URL.

    With --to, an earlier version gets the calls of latest until a later one is deployed.
    """
    session = open_session(remote)
    if to is not None:
        _move_latest(session, name, to, output)
        return
    exact = session.call("GET", job_path(name, version))["version"]
    progress = Progress(sys.stderr)
    started = _roll_back(session, job_path(name, exact, "rollback"), deployment)
    done = watch_deployment(session, started["deployment_id"], progress)
    say(
        f"{name} {exact} is back at deployment {started['restored_deployment_id']} "
        f"after {progress.elapsed_seconds:.1f} s"
    )
    print_data(started | {"deployment": done}, output, (done.get("job") or {}).get("pub_url") or "")


@app.command("deployments", no_args_is_help=True)
def print_deployments(
    name: JobName,
    remote: Remote = None,
    version: Annotated[
        str, typer.Option("--version", help="Only those of this exact version.")
    ] = "",
    limit: Annotated[int, typer.Option(min=0, help="How many of the newest; 0: all.")] = 20,
    output: OutputOption = Output.TEXT,
) -> None:
    """List the deployments of a job with their ids, the newest first."""
    query = urlencode({"job_name": name, "job_version": version, "limit": limit})
    session = open_session(remote)
    found = session.call("GET", f"deploy?{query}")
    found.sort(key=lambda deployment: deployment["create_time"], reverse=True)
    if not found and output == Output.TEXT:
        say(f"no deployment of {name} is known; {suggest_job(session, name)}")
        return
    rows = [_make_row(deployment, int(time.time())) for deployment in found]
    # The last column is for causes, which most lists have none of.
    columns = len(HEADER) if any(row[-1] for row in rows) else len(HEADER) - 1
    table = format_table(HEADER[:columns], [row[:columns] for row in rows])
    print_data(found, output, table)


@app.command("attach", no_args_is_help=True)
def attach(
    deployment: Deployment,
    remote: Remote = None,
    build_logs: FollowBuildLog = False,
    timeout: DeploymentTimeout = LONGEST_DEPLOYMENT_SECONDS,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show a deployment until it ends, as the command that began it does; prints the job's URL."""
    session = open_session(remote)
    deployment_id = _choose_deployment(session, deployment)
    progress = Progress(sys.stderr)
    log = BuildLog(session, deployment_id, progress.write_through) if build_logs else None
    done = watch_deployment(session, deployment_id, progress, timeout, log)
    say(f"{done['job_name']} {done['job_version']} is deployed")
    print_data(done, output, (done.get("job") or {}).get("pub_url") or "")


@app.command("cancel", no_args_is_help=True)
def cancel(deployment: Deployment, remote: Remote = None) -> None:
    """End a deployment that does not serve yet; what served before goes on."""
    session = open_session(remote)
    deployment_id = _choose_deployment(session, deployment)
    session.call("POST", f"deploy/{deployment_id}/cancel")
    say(f"deployment {deployment_id} is cancelled")


def _move_latest(session: Session, name: str, version: str, output: Output) -> None:
    """Point the aliases of a family at a version, or at the highest one again."""
    if version == "newest":
        present = session.call("GET", job_path(name, "latest"))["version"]
        session.call("DELETE", job_path(name, present, "latest"))
    else:
        session.call("PUT", job_path(name, version, "latest"))
    job = session.call("GET", job_path(name, "latest"))
    ending = "until a later version is deployed" if job.get("is_pinned") else "the highest version"
    say(f"{name} latest is {job['version']}, {ending}")
    print_data(job, output, job.get("pub_url") or "")


def _roll_back(session: Session, path: str, deployment: str | None) -> dict[str, Any]:
    body = {"deployment_id": deployment} if deployment else None
    return dict(session.call("POST", path, body, timeout_seconds=LONGEST_DEPLOYMENT_SECONDS))


def _choose_deployment(session: Session, wanted: str) -> str:
    """Return the id of the only running deployment of the job `wanted`, or `wanted` itself when it is an id."""
    if len(wanted) == len("00000000-0000-0000-0000-000000000000") and wanted.count("-") == 4:
        return wanted
    found = session.call("GET", f"deploy?{urlencode({'job_name': wanted, 'limit': 50})}")
    running = [each["id"] for each in found if is_running(each)]
    if len(running) == 1:
        return str(running[0])
    if running:
        raise EntityNotFound(
            f"several deployments of {wanted} run: name one of {', '.join(running)}"
        )
    raise EntityNotFound(
        f"no deployment of {wanted} runs; `racetrack deployments {quote(wanted)}` lists those that have ended"
    )


def _make_row(deployment: dict[str, Any], now: int) -> list[str]:
    ended = now if is_running(deployment) else deployment["update_time"]
    can_be_restored = deployment.get("is_restorable") and not deployment.get("is_serving")
    return [
        deployment["id"],
        deployment["job_version"],
        deployment.get("kind") or "",
        describe_status(deployment),
        deployment.get("deployed_by") or "",
        days_ago_text(deployment["create_time"], now),
        f"{max(0, ended - deployment['create_time'])} s",
        "possible" if can_be_restored else "",
        shorten(find_cause(deployment) or "", _LONGEST_CAUSE, placeholder=" …"),
    ]
