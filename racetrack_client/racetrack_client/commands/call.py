"""`racetrack call`."""

import json
import shlex
import sys
from typing import Annotated, Any

import typer
import yaml

from racetrack_client.commands.options import JobName, JobVersion, Remote, open_session
from racetrack_client.log.errors import ValidationError
from racetrack_client.utils.auth import RT_AUTH_HEADER
from racetrack_client.utils.request import parse_response

app = typer.Typer()


@app.callback()
def _group() -> None:
    """Keep the command a command of a group."""


@app.command("call", no_args_is_help=True)
def call(
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
) -> None:
    """Call a job and print its answer."""
    content = _parse_payload(payload)
    session = open_session(remote)
    url = session.call("GET", f"job/{name}/{version}")["pub_url"] + "/" + endpoint.lstrip("/")
    if curl:
        sys.stdout.write(_curl_command(url, session.token, content) + "\n")
        return
    response = session.request("POST", url, content, timeout_seconds=None)
    answer = parse_response(response, "Job response error")
    sys.stdout.write((json.dumps(answer, indent=4) if response.is_json() else response.text) + "\n")


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
