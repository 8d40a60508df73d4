"""`racetrack calls`: the callers of a job."""

import re
import time
from typing import Annotated
from urllib.parse import quote, urlencode

import typer

from racetrack_client.client.suggestions import suggest_job
from racetrack_client.commands.opening import open_session
from racetrack_client.commands.options import (
    JobName,
    Output,
    OutputOption,
    Remote,
    format_table,
    print_data,
    say,
)
from racetrack_client.log.errors import ValidationError
from racetrack_client.utils.time import days_ago_text

app = typer.Typer()
_MOST_DAYS = 3660


@app.callback()
def _group() -> None:
    """Keep the command a command of a group."""


@app.command("calls", no_args_is_help=True)
def print_calls(
    name: JobName,
    remote: Remote = None,
    last: Annotated[
        str, typer.Option(metavar="DAYS", help="Such as 7d: today and the six days before.")
    ] = "7d",
    output: OutputOption = Output.TEXT,
) -> None:
    """Show the callers of a job: how often they called it, and when for the last time."""
    days, session = _parse_days(last), open_session(remote)
    calls = session.call("GET", f"calls/{quote(name, safe='')}?days={days}")
    if not calls:
        # Calls that the caller may not see are left out; a list of deployments is refused instead, with the reason.
        session.call("GET", f"deploy?{urlencode({'job_name': name, 'limit': 1})}")
    if not calls and output == Output.TEXT:
        say(f"no call of {name} was recorded in the last {days} days; {suggest_job(session, name)}")
        return
    now = int(time.time())
    rows = [
        [
            each["caller"] or "-",
            each["job_version"],
            str(each["count"]),
            days_ago_text(each["last_call_time"], now),
        ]
        for each in calls
    ]
    print_data(calls, output, format_table(["CALLER", "VERSION", "CALLS", "LAST CALL"], rows))


def _parse_days(text: str) -> int:
    found = re.fullmatch(r"([1-9][0-9]{0,3})d?", text)
    if found is None or int(found[1]) > _MOST_DAYS:
        raise ValidationError(f"--last {text} must be a number of days, such as 7d")
    return int(found[1])
