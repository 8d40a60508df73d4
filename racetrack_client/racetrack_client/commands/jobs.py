"""`racetrack list`, `logs`, `build-logs`, `delete` and `move`."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from fnmatch import fnmatch
from typing import Annotated, Any

import typer

from racetrack_client.client.session import LONGEST_DEPLOYMENT_SECONDS, Session, job_path
from racetrack_client.client.suggestions import suggesting_jobs
from racetrack_client.commands.following import follow_logs
from racetrack_client.commands.job_tables import describe_memory, paint_statuses, tidy_job
from racetrack_client.commands.opening import open_session
from racetrack_client.commands.options import (
    ExactVersion,
    JobName,
    JobVersion,
    Output,
    OutputOption,
    RawOutput,
    Remote,
    complete_infrastructure,
    complete_job_name,
    format_table,
    pass_raw,
    print_data,
    say,
)
from racetrack_client.log.errors import ValidationError
from racetrack_client.utils.time import days_ago_text, parse_moment

app = typer.Typer()
_FEW_LINES = 20
_ALL_LINES = 2**31 - 1


class Column(StrEnum):
    """Optional columns of the list of jobs."""

    JOB_TYPE = "job_type"
    INFRASTRUCTURE = "infrastructure"
    DEPLOYED_BY = "deployed_by"
    UPDATED_AT = "updated_at"
    LAST_CALL_AT = "last_call_at"
    PUB_URL = "pub_url"
    MEMORY = "memory"
    PROBLEM = "problem"
    ALL = "all"


FIELDS = {
    Column.JOB_TYPE: "job_type_version",
    Column.INFRASTRUCTURE: "infrastructure_target",
    Column.DEPLOYED_BY: "deployed_by",
    Column.UPDATED_AT: "update_time",
    Column.LAST_CALL_AT: "last_call_time",
    Column.PUB_URL: "pub_url",
    Column.MEMORY: "infrastructure_stats",
    Column.PROBLEM: "error",
}
_SHORT_HEADERS = {
    Column.INFRASTRUCTURE: "TARGET",
    Column.UPDATED_AT: "UPDATED",
    Column.LAST_CALL_AT: "LAST CALL",
}
"""Shorter headers for all columns at once on a terminal, which is narrow."""


@app.command("list")
def print_jobs(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Only jobs with this in their name; * and ? match as in file names.",
            autocompletion=complete_job_name,
        ),
    ] = None,
    remote: Remote = None,
    column: Annotated[
        list[Column] | None, typer.Option("--column", "-c", help="Add a column; repeatable.")
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """List the deployed jobs."""
    jobs = [each for each in open_session(remote).call("GET", "job") if _matches(each, name)]
    if not jobs and output == Output.TEXT:
        say(f"no job is named like {name}" if name else "no jobs are deployed")
        return
    chosen = [each for each in FIELDS if column and (each in column or Column.ALL in column)]
    is_short = len(chosen) == len(FIELDS) and sys.stdout.isatty()
    header = ["NAME", "VERSION", "STATUS", *(_name_column(each, is_short) for each in chosen)]
    rows = [
        [
            job["name"],
            f"{job['version']} (latest)" if job.get("is_pinned") else job["version"],
            str(job.get("status", "")).upper(),
            *(_cell(job, each) for each in chosen),
        ]
        for job in jobs
    ]
    table = format_table(header, rows)
    print_data([tidy_job(job) for job in jobs], output, paint_statuses(table, sys.stdout))


@app.command("logs", no_args_is_help=True)
def logs(  # noqa: PLR0913 each is an argument or option of the command
    name: JobName,
    remote: Remote = None,
    version: JobVersion = "latest",
    tail: Annotated[
        int | None,
        typer.Option(min=0, help="How many of the last lines; default: 20, or with --since all."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Only lines since then: how long ago, such as 90s, 10m, 2h or 1d, or a time such as 2026-05-01T12:30.",
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new lines until Ctrl-C.")
    ] = False,
    output: OutputOption = Output.TEXT,
    raw: RawOutput = False,
) -> None:
    """Show what a running job logged."""
    pass_raw(raw)
    with _open_session_about(name, remote) as session:
        exact = session.call("GET", job_path(name, version))["version"]
    if since is None:
        question = f"tail={_FEW_LINES if tail is None else tail}"
    else:
        moment = parse_moment(since, time.time())
        question = f"since={moment}&tail={_ALL_LINES if tail is None else tail}"
    if follow:
        follow_logs(session, job_path(name, exact, "logs/follow"), question, output)
    else:
        _print_logs(session.call("GET", job_path(name, exact, f"logs?{question}")), output)


@app.command("build-logs", no_args_is_help=True)
def build_logs(
    name: JobName,
    remote: Remote = None,
    version: JobVersion = "latest",
    tail: Annotated[int, typer.Option(min=0, help="How many of the last lines; 0: all.")] = 0,
    output: OutputOption = Output.TEXT,
    raw: RawOutput = False,
) -> None:
    """Show the log of a job's last build."""
    pass_raw(raw)
    with _open_session_about(name, remote) as session:
        answer = session.call("GET", job_path(name, version, f"build-logs?tail={tail}"))
    _print_logs(answer, output)


@app.command("delete", no_args_is_help=True)
def delete(
    name: JobName,
    version: ExactVersion,
    remote: Remote = None,
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Don't ask; without a terminal, nothing is asked anyway."),
    ] = False,
) -> None:
    """Delete one version of a job: it ends at once, and its history stays. A terminal asks first."""
    with _open_session_about(name, remote) as session:
        if not yes and sys.stdin.isatty():
            job = session.call("GET", job_path(name, version))
            called = days_ago_text(job.get("last_call_time"), int(time.time()))
            if not typer.confirm(f"Delete {name} {version} (last call: {called})?", err=True):
                raise ValidationError("nothing is deleted")
        session.call("DELETE", job_path(name, version), timeout_seconds=LONGEST_DEPLOYMENT_SECONDS)
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


@contextmanager
def _open_session_about(name: str, remote: str | None) -> Iterator[Session]:
    """Yield the session of a command about one job; when there is no such job, its error suggests another."""
    session = open_session(remote)
    with suggesting_jobs(session, name):
        yield session


def _matches(job: dict[str, Any], name: str | None) -> bool:
    if name is None:
        return True
    return fnmatch(job["name"], name) if {"*", "?"} & set(name) else name in job["name"]


def _name_column(column: Column, is_short: bool) -> str:
    short = _SHORT_HEADERS.get(column) if is_short else None
    return short or column.replace("_", " ").upper()


def _print_logs(answer: dict[str, Any], output: Output) -> None:
    text = answer["logs"].removesuffix("\n")
    if not text and output == Output.TEXT:
        say("no lines")
        return
    print_data(answer, output, text)


def _cell(job: dict[str, Any], column: Column) -> str:
    value = job.get(FIELDS[column])
    if column in (Column.UPDATED_AT, Column.LAST_CALL_AT):
        return days_ago_text(value, int(time.time()))
    if column == Column.MEMORY:
        return describe_memory(value or {})
    if column == Column.PROBLEM:
        return (value or job.get("notice") or "").partition("\n")[0]
    return "" if value is None else str(value)
