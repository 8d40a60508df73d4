"""Options that several commands share, and how they print."""

import json
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from racetrack_client.client.session import Environment, Session
from racetrack_client.client_config.client_config import default_config_path


class Output(StrEnum):
    """How data is printed."""

    TEXT = "text"
    JSON = "json"


Remote = Annotated[
    str | None,
    typer.Option(
        help="Lifecycle's URL or its alias; default: the current remote.", show_default=False
    ),
]
OutputOption = Annotated[
    Output, typer.Option("--output", "-o", help="Print data as text or as JSON.")
]
ExtraVars = Annotated[
    list[str] | None,
    typer.Option(
        "--extra-vars",
        "-e",
        metavar="KEY=VALUE",
        help="Override a key of the manifest, such as git.branch=dev; repeatable.",
    ),
]
JobVersion = Annotated[
    str, typer.Option("--version", help="Exact version, latest, or a pattern such as 1.x.")
]


def open_environment() -> Environment:
    """Read what the process environment says about the command line."""
    variables = os.environ  # noqa: TID251 - the one place where the command line reads it
    return Environment(
        config_path=Path(variables.get("RACETRACK_CONFIG") or default_config_path()),
        remote=variables.get("RACETRACK_REMOTE"),
        token=variables.get("RACETRACK_AUTH_TOKEN"),
        verify_tls=variables.get("RACETRACK_INSECURE_TLS", "").lower() not in ("1", "true", "yes"),
        github_token=variables.get("GITHUB_TOKEN"),
    )


def open_session(remote: str | None = None) -> Session:
    """Open the session of a command from the process environment and the settings file."""
    return Session(open_environment(), remote)


def complete_job_name(incomplete: str) -> list[str]:
    """Offer the names of deployed jobs to the shell; nothing when Lifecycle can't be asked."""
    try:
        jobs = open_session().call("GET", "job")
    except Exception:  # noqa: BLE001 - a completion must never disturb the prompt
        return []
    return sorted({job["name"] for job in jobs if job["name"].startswith(incomplete)})


JobName = Annotated[str, typer.Argument(help="Name of the job.", autocompletion=complete_job_name)]


def print_data(data: Any, output: Output, text: str) -> None:
    """Print data on standard output, as JSON or as the given text."""
    sys.stdout.write((json.dumps(data, indent=2) if output == Output.JSON else text) + "\n")


def say(message: str) -> None:
    """Tell the user something that is not data, on standard error."""
    sys.stderr.write(message + "\n")
