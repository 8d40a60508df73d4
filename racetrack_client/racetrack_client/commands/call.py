"""`racetrack call`: call an endpoint of a job, or print the call as a curl command."""

import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlencode

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
from racetrack_client.log.errors import ValidationError
from racetrack_client.utils.auth import RT_AUTH_HEADER
from racetrack_client.utils.datamodel import describe_yaml_error
from racetrack_client.utils.request import parse_response

app = typer.Typer()


class Method(StrEnum):
    """The HTTP method of a call."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


@dataclass(frozen=True)
class JobCall:
    """A call of an endpoint; when there is no body, the parameters are in the URL."""

    method: Method
    url: str
    body: dict[str, Any] | None

    @classmethod
    def make(cls, method: Method, url: str, parameters: dict[str, Any]) -> "JobCall":
        """Make a call whose parameters are in the URL for GET and DELETE, and in the body for other methods."""
        if method not in (Method.GET, Method.DELETE):
            return cls(method, url, parameters)
        query = urlencode(list(_list_query(parameters)))
        separator = "&" if "?" in url else "?"
        return cls(method, f"{url}{separator}{query}" if query else url, None)


@app.callback()
def _group() -> None:
    """Keep the command a command of a group."""


@app.command("call", no_args_is_help=True)
def call(  # noqa: PLR0913 each is an argument or option of the command
    name: JobName,
    endpoint: Annotated[str, typer.Argument(help="Such as /api/v1/perform.")],
    payload: Annotated[
        str,
        typer.Argument(
            help="A JSON or YAML mapping of the endpoint's parameters, or - to read it from standard input."
        ),
    ] = "{}",
    remote: Remote = None,
    version: JobVersion = "latest",
    method: Annotated[
        Method,
        typer.Option(
            "--method",
            "-X",
            case_sensitive=False,
            help="GET and DELETE send the payload in the URL.",
        ),
    ] = Method.POST,
    curl: Annotated[
        bool, typer.Option("--curl", help="Print the call as a curl command instead.")
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Call a job and print its answer."""
    parameters = _parse_payload(sys.stdin.read() if payload == "-" else payload)
    session = open_session(remote)
    # The gateway resolves the version: a caller who may call the job need not be permitted to see it.
    url = f"{session.pub_url}/{job_path(name, version)}/{endpoint.lstrip('/')}"
    job_call = JobCall.make(method, url, parameters)
    if curl:
        sys.stdout.write(_curl_command(job_call, session.token) + "\n")
        return
    response = session.request(method.value, job_call.url, job_call.body, timeout_seconds=None)
    answer = parse_response(response, "Job response error")
    is_data = response.is_json() or output == Output.JSON
    data = answer if response.is_json() else response.text
    sys.stdout.write((json.dumps(data, indent=4) if is_data else data) + "\n")


def _parse_payload(payload: str) -> dict[str, Any]:
    content = _parse_json_or_yaml(payload)
    if not isinstance(content, dict):
        raise ValidationError(
            'the payload must be a mapping of parameters, such as {"numbers": [40, 2]}'
        )
    return content


def _parse_json_or_yaml(text: str) -> Any:
    try:
        # JSON is tried first: YAML reads 1e5 as a text, and does not accept tabs as indentation.
        return json.loads(text)
    except ValueError:
        pass
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValidationError(
            f"the payload is neither JSON nor YAML: {describe_yaml_error(error)}"
        ) from error


def _list_query(parameters: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in parameters.items():
        for each in value if isinstance(value, list) else [value]:
            yield name, each if isinstance(each, str) else json.dumps(each)


def _curl_command(job_call: JobCall, token: str) -> str:
    headers = [f"{RT_AUTH_HEADER}: {token}", "Accept: application/json"]
    body = []
    if job_call.body is not None:
        headers.append("Content-Type: application/json; charset=utf-8")
        body.append(f"  -d {shlex.quote(json.dumps(job_call.body, indent=2))}")
    first = f"curl -X '{job_call.method.value}' {shlex.quote(job_call.url)}"
    return " \\\n".join([first, *(f"  -H {shlex.quote(each)}" for each in headers), *body])
