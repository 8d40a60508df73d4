"""Options that several commands share, and how they print."""

import json
import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from racetrack_client.commands.completion import (
    complete_exact_version,
    complete_job_name,
    complete_job_version,
    complete_remote,
)
from racetrack_client.entities import AuthScope


class Output(StrEnum):
    """How data is printed."""

    TEXT = "text"
    JSON = "json"


Remote = Annotated[
    str | None,
    typer.Option(
        help="Lifecycle's URL or its alias; default: the current remote.",
        show_default=False,
        autocompletion=complete_remote,
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
        help="Override a key of the manifest, such as git.branch=dev, or remove it by KEY-; repeatable.",
    ),
]
JobName = Annotated[str, typer.Argument(help="Name of the job.", autocompletion=complete_job_name)]
JobVersion = Annotated[
    str,
    typer.Option(
        "--version",
        help="Exact version, latest, or a pattern such as 1.x.",
        autocompletion=complete_job_version,
    ),
]
ExactVersion = Annotated[
    str, typer.Option("--version", help="The exact version.", autocompletion=complete_exact_version)
]

ScopeOption = Annotated[AuthScope, typer.Option(help="What is to be done.")]


def print_data(data: Any, output: Output, text: str) -> None:
    """Print data on standard output, as JSON or as the given text."""
    sys.stdout.write((json.dumps(data, indent=2) if output == Output.JSON else text) + "\n")


def say(message: str) -> None:
    """Tell the user something that is not data, on standard error."""
    sys.stderr.write(message + "\n")
