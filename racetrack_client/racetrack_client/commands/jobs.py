"""`racetrack list`, `logs`, `build-logs`, `delete` and `move`."""

import time
from enum import StrEnum
from typing import Annotated, Any

import typer

from racetrack_client.client.session import LONGEST_DEPLOYMENT_SECONDS, job_path
from racetrack_client.commands.following import follow_logs
from racetrack_client.commands.opening import open_session
from racetrack_client.commands.options import (
    ExactVersion,
    JobName,
    JobVersion,
    Output,
    OutputOption,
    Remote,
    complete_infrastructure,
    format_table,
    print_data,
    say,
)
from racetrack_client.utils.time import days_ago_text

app = typer.Typer()


class Column(StrEnum):
    """Optional columns of the list of jobs."""

    JOB_TYPE = "job_type"
    INFRASTRUCTURE = "infrastructure"
    DEPLOYED_BY = "deployed_by"
    UPDATED_AT = "updated_at"
    LAST_CALL_AT = "last_call_at"
    PUB_URL = "pub_url"
    ALL = "all"


FIELDS = {
    Column.JOB_TYPE: "job_type_version",
    Column.INFRASTRUCTURE: "infrastructure_target",
    Column.DEPLOYED_BY: "deployed_by",
    Column.UPDATED_AT: "update_time",
    Column.LAST_CALL_AT: "last_call_time",
    Column.PUB_URL: "pub_url",
}


@app.command("list")
def print_jobs(
    remote: Remote = None,
    column: Annotated[
        list[Column] | None, typer.Option("--column", "-c", help="Add a column; repeatable.")
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """List the deployed jobs."""
    jobs = open_session(remote).call("GET", "job")
    if not jobs and output == Output.TEXT:
        say("no jobs are deployed")
        return
    chosen = [each for each in FIELDS if column and (each in column or Column.ALL in column)]
    header = ["NAME", "VERSION", "STATUS", *(each.replace("_", " ").upper() for each in chosen)]
    rows = [
        [
            job["name"],
            job["version"],
            str(job.get("status", "")).upper(),
            *(_cell(job, each) for each in chosen),
        ]
        for job in jobs
    ]
    print_data(jobs, output, format_table(header, rows))


@app.command("logs", no_args_is_help=True)
def logs(
    name: JobName,
    remote: Remote = None,
    version: JobVersion = "latest",
    tail: Annotated[int, typer.Option(min=0, help="How many of the last lines.")] = 20,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new lines until Ctrl-C.")
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show what a running job logged."""
    session = open_session(remote)
    exact = session.call("GET", job_path(name, version))["version"]
    if follow:
        follow_logs(session, job_path(name, exact, "logs/follow"), tail, output)
        return
    answer = session.call("GET", job_path(name, exact, f"logs?tail={tail}"))
    print_data(answer, output, answer["logs"].rstrip("\n"))


@app.command("build-logs", no_args_is_help=True)
def build_logs(
    name: JobName,
    remote: Remote = None,
    version: JobVersion = "latest",
    tail: Annotated[int, typer.Option(min=0, help="How many of the last lines; 0: all.")] = 0,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show the log of a job's last build."""
    path = job_path(name, version, f"build-logs?tail={tail}")
    answer = open_session(remote).call("GET", path)
    print_data(answer, output, answer["logs"].rstrip("\n"))


@app.command("delete", no_args_is_help=True)
def delete(name: JobName, version: ExactVersion, remote: Remote = None) -> None:
    """Delete one version of a job."""
    open_session(remote).call(
        "DELETE", job_path(name, version), timeout_seconds=LONGEST_DEPLOYMENT_SECONDS
    )
    say(f"{name} {version} is deleted")


@app.command("move", no_args_is_help=True)
def move(
    name: JobName,
    version: ExactVersion,
    infrastructure: Annotated[
        str,
        typer.Option(
            help="The infrastructure target to move to.", autocompletion=complete_infrastructure
        ),
    ],
    remote: Remote = None,
) -> None:
    """Move a job to another infrastructure target."""
    open_session(remote).call(
        "POST",
        job_path(name, version, "move"),
        {"infrastructure_target": infrastructure},
        timeout_seconds=LONGEST_DEPLOYMENT_SECONDS,
    )
    say(f"{name} {version} is moved to {infrastructure}")


def _cell(job: dict[str, Any], column: Column) -> str:
    value = job.get(FIELDS[column])
    if column in (Column.UPDATED_AT, Column.LAST_CALL_AT):
        return days_ago_text(value, int(time.time()))
    return "" if value is None else str(value)
