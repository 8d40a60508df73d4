"""`racetrack call`."""

import json
import shlex
import sys
from typing import Annotated, Any

import typer
import yaml

from racetrack_client.client.session import job_path
from racetrack_client.commands.opening import open_session
from racetrack_client.commands.options import (
    JobName,
    JobVersion,
    Output,
    OutputOption,
    Remote,
)
from racetrack_client.log.errors import EntityNotFound, ValidationError
from racetrack_client.utils.auth import RT_AUTH_HEADER
from racetrack_client.utils.request import parse_response

app = typer.Typer()


@app.callback()
def _group() -> None:
    """Keep the command a command of a group."""


@app.command("call", no_args_is_help=True)
def call(  # noqa: PLR0913 each is an argument or option of the command
    name: JobName,
    endpoint: Annotated[str, typer.Argument(help="Such as /api/v1/perform.")],
    payload: Annotated[
        str, typer.Argument(help="A JSON or YAML mapping of the endpoint's parameters.")
    ],
    remote: Remote = None,
    version: JobVersion = "latest",
    curl: Annotated[
        bool, typer.Option("--curl", help="Print the call as a curl command instead.")
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Call a job and print its answer."""
    content = _parse_payload(payload)
    session = open_session(remote)
    job = session.call("GET", job_path(name, version))
    if not job.get("pub_url"):
        raise EntityNotFound(f"Lifecycle does not tell the URL of {name} {version}")
    url = f"{job['pub_url']}/{endpoint.lstrip('/')}"
    if curl:
        sys.stdout.write(_curl_command(url, session.token, content) + "\n")
        return
    response = session.request("POST", url, content, timeout_seconds=None)
    answer = parse_response(response, "Job response error")
    is_data = response.is_json() or output == Output.JSON
    data = answer if response.is_json() else response.text
    sys.stdout.write((json.dumps(data, indent=4) if is_data else data) + "\n")


def _parse_payload(payload: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(payload)
    except yaml.YAMLError as error:
        raise ValidationError(f"the payload is neither JSON nor YAML: {error}") from error
    if not isinstance(content, dict):
        raise ValidationError(
            'the payload must be a mapping of parameters, such as {"numbers": [40, 2]}'
        )
    return content


def _curl_command(url: str, token: str, content: dict[str, Any]) -> str:
    headers = (
        f"{RT_AUTH_HEADER}: {token}",
        "Accept: application/json",
        "Content-Type: application/json; charset=utf-8",
    )
    lines = [
        f"curl -X 'POST' {shlex.quote(url)}",
        *(f"  -H {shlex.quote(header)}" for header in headers),
    ]
    return " \\\n".join([*lines, f"  -d {shlex.quote(json.dumps(content, indent=2))}"])
