"""`racetrack call` calls a job, or prints the call as a curl command; `racetrack async` lists and cancels async calls."""

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer
import yaml

from racetrack_client.client.job_call import (
    ERROR_CONTEXT,
    AsyncCall,
    JobCall,
    JobEndpoint,
    Method,
)
from racetrack_client.client.session import Session
from racetrack_client.client.suggestions import (
    resolve_endpoint,
    suggesting_endpoints,
    suggesting_jobs,
)
from racetrack_client.commands.opening import open_session
from racetrack_client.commands.options import (
    JobName,
    JobVersion,
    Output,
    OutputOption,
    Remote,
    complete_endpoint,
    complete_job_name,
    format_table,
    print_data,
    say,
)
from racetrack_client.log.errors import ValidationError
from racetrack_client.utils.auth import RT_AUTH_HEADER
from racetrack_client.utils.datamodel import describe_yaml_error
from racetrack_client.utils.request import Response, parse_response, parse_response_object
from racetrack_client.utils.tls import TlsTrust

DEFAULT_ENDPOINT = "/api/v1/perform"
app = typer.Typer()
async_app = typer.Typer(
    no_args_is_help=True,
    help="List and cancel the async calls that you have started, as by `racetrack call --async`.",
)
app.add_typer(async_app, name="async")
_HEADER = ("ID", "STATUS", "JOB", "PATH", "STARTED", "ENDED", "ERROR")
_LONGEST_ERROR = 100


@app.callback()
def _group() -> None:
    """Keep the command a command of a group."""


@app.command("call", no_args_is_help=True)
def call(  # noqa: PLR0913 each is an argument or option of the command
    name: JobName,
    endpoint: Annotated[
        str,
        typer.Argument(
            help="A method such as explain, or the path at the job, such as /api/v1/explain; "
            "default: perform, also before a payload.",
            autocompletion=complete_endpoint,
        ),
    ] = DEFAULT_ENDPOINT,
    payload: Annotated[
        str,
        typer.Argument(
            help="A JSON or YAML mapping of the endpoint's parameters, @FILE to read it from a file, "
            "or - to read it from standard input."
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
    is_async: Annotated[
        bool,
        typer.Option(
            "--async",
            help="Let the gateway call the job, and wait for the answer, though connections break meanwhile.",
        ),
    ] = False,
    detach: Annotated[
        bool,
        typer.Option(
            "--detach",
            help="Don't wait for the answer of an async call: print the URL at which it will be.",
        ),
    ] = False,
    curl: Annotated[
        bool, typer.Option("--curl", help="Print the call as a curl command instead.")
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Call a job and print its answer.

    For example: racetrack call adder '{numbers: [40, 2]}', or racetrack call adder /explain @numbers.json
    """
    if _is_payload(endpoint) and payload == "{}":
        endpoint, payload = DEFAULT_ENDPOINT, endpoint
    parameters = _parse_payload(_read_payload(payload))
    session = open_session(remote)
    # The gateway resolves the version: a caller who may call the job need not be permitted to see it.
    called = resolve_endpoint(session, JobEndpoint(name, version, endpoint), method)
    gateway = f"{session.pub_url}/async/new" if is_async or detach else session.pub_url
    job_call = JobCall.make(method, called.make_url(gateway), parameters)
    if curl:
        sys.stdout.write(_curl_command(job_call, session) + "\n")
        return
    with (
        suggesting_jobs(session, name),
        suggesting_endpoints(session, name, version, called.path),
    ):
        if detach:
            url = AsyncCall.start(session, job_call).poll_url
            print_data({"poll_url": url}, output, url)
        else:
            answer = _wait(session, job_call) if is_async else job_call.send(session)
            _print_answer(answer, output)


@async_app.command("list")
def print_calls(
    name: Annotated[
        str,
        typer.Argument(
            help="Only calls of this job.", metavar="NAME", autocompletion=complete_job_name
        ),
    ] = "",
    remote: Remote = None,
    status: Annotated[
        str, typer.Option(help="Only calls that are ongoing, completed or failed.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many of the newest.")] = 20,
    output: OutputOption = Output.TEXT,
) -> None:
    """List your async calls, the newest first, until their answers are forgotten."""
    session = open_session(remote)
    wanted = {"job": name, "status": status, "limit": str(limit)}
    query = urlencode({key: value for key, value in wanted.items() if value})
    response = session.request("GET", f"{_tasks_url(session)}?{query}")
    found = parse_response(response, ERROR_CONTEXT)
    if not found and output == Output.TEXT:
        say("there are no async calls of yours")
        return
    print_data(found, output, format_table(_HEADER, [_make_row(call) for call in found]))


@async_app.command("cancel", no_args_is_help=True)
def cancel(
    task_id: Annotated[
        str, typer.Argument(help="Id of the call, as `racetrack async list` shows.")
    ],
    remote: Remote = None,
) -> None:
    """Cancel an async call: one that waits never runs, one that runs is dropped, one that has ended stays."""
    session = open_session(remote)
    url = f"{_tasks_url(session)}/{quote(task_id, safe='')}"
    status = parse_response_object(session.request("DELETE", url), ERROR_CONTEXT)["status"]
    say(f"async call {task_id} is over: {status}")


def _wait(session: Session, job_call: JobCall) -> Response:
    started = AsyncCall.start(session, job_call)
    try:
        return started.wait()
    except KeyboardInterrupt:
        say(
            f"the call goes on; its answer will be at {started.poll_url}, "
            f"and `racetrack async cancel {started.task_id}` ends it"
        )
        raise


def _print_answer(response: Response, output: Output) -> None:
    answer = parse_response(response, ERROR_CONTEXT)
    is_data = response.is_json() or output == Output.JSON
    data = answer if response.is_json() else response.text
    sys.stdout.write((json.dumps(data, indent=4) if is_data else data) + "\n")


def _is_payload(argument: str) -> bool:
    return argument == "-" or argument.startswith(("{", "@")) or ": " in argument


def _read_payload(payload: str) -> str:
    if payload in ("-", "@-"):
        return sys.stdin.read()
    if not payload.startswith("@"):
        return payload
    try:
        return Path(payload[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValidationError(f"the payload can't be read from {payload[1:]}: {error}") from error


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


def _curl_command(job_call: JobCall, session: Session) -> str:
    headers = [f"{RT_AUTH_HEADER}: {session.token}", "Accept: application/json"]
    body = []
    if job_call.body is not None:
        headers.append("Content-Type: application/json; charset=utf-8")
        body.append(f"  -d {shlex.quote(json.dumps(job_call.body, indent=2))}")
    first = f"curl -X '{job_call.method.value}' {shlex.quote(job_call.url)}"
    lines = [first, *(f"  -H {shlex.quote(each)}" for each in headers), *body]
    if job_call.url.startswith("https:"):
        lines += _list_curl_trust(session.tls)
    return " \\\n".join(lines)


def _list_curl_trust(tls: TlsTrust) -> list[str]:
    if tls.insecure:
        return ["  --insecure"]
    return [f"  --cacert {shlex.quote(tls.ca_file)}"] if tls.ca_file else []


def _tasks_url(session: Session) -> str:
    return f"{session.pub_url}/async/task"


def _make_row(call: dict[str, Any]) -> list[str]:
    job = f"{call['job_name']} {call['job_version']}"
    error = " ".join((call["error"] or "").split())[:_LONGEST_ERROR]
    times = (call["started_at"], call["ended_at"] or "")
    return [call["task_id"], call["status"], job, call["job_path"], *times, error]
