"""`racetrack auth`: who I am, and why somebody may do something; further commands are beside it."""

from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from racetrack_client.commands import permissions, tokens
from racetrack_client.commands.completion import complete_job_name
from racetrack_client.commands.opening import open_session
from racetrack_client.commands.options import (
    JobVersion,
    Output,
    OutputOption,
    Remote,
    ScopeOption,
    print_data,
)
from racetrack_client.entities import AuthScope

auth_app = typer.Typer(no_args_is_help=True, help="Show and change who may do what, and why.")
app = typer.Typer()
app.add_typer(auth_app, name="auth")
auth_app.add_typer(permissions.app)
auth_app.add_typer(tokens.app)
_MARKS = {"continue": "-"}


@app.callback()
def _group() -> None:
    """Keep the group a command of a group."""


NameOfJob = Annotated[
    str, typer.Argument(metavar="JOB", help="Name of the job.", autocompletion=complete_job_name)
]


@auth_app.command("whoami")
def whoami(remote: Remote = None, output: OutputOption = Output.TEXT) -> None:
    """Print whose token it is."""
    profile = open_session(remote).call("GET", "users/validate_user_auth")
    shown = {key: value for key, value in profile.items() if key != "token"}
    print_data(shown, output, profile["username"])


@auth_app.command("explain", no_args_is_help=True)
def explain(  # noqa: PLR0913 each is an argument or option of the command
    subject: permissions.Subject,
    name: NameOfJob,
    endpoint: Annotated[
        str | None,
        typer.Argument(
            help="Such as /api/v1/perform; without it the question is about the job as a whole.",
            show_default=False,
        ),
    ] = None,
    remote: Remote = None,
    version: JobVersion = "latest",
    scope: ScopeOption = AuthScope.CALL_JOB,
    output: OutputOption = Output.TEXT,
) -> None:
    """Tell whether somebody may do something to a job, and the rules that decide it."""
    question = {"subject": subject, "job": name, "version": version, "scope": scope.value}
    if endpoint is not None:
        question["endpoint"] = endpoint
    explanation = open_session(remote).call("GET", f"auth/explain?{urlencode(question)}")
    print_data(explanation, output, _describe(explanation))


def _describe(explanation: dict[str, Any]) -> str:
    about = f"{explanation['job_name']} {explanation['job_version']}"
    if explanation.get("endpoint"):
        about = f"{explanation['endpoint']} of {about}"
    verdict = "may" if explanation["allowed"] else "may not"
    rules = explanation.get("rules", [])
    width = max((len(rule["rule"]) for rule in rules), default=0)
    lines = [
        f"  {_MARKS.get(rule['effect'], rule['effect']):<5}  {rule['rule']:<{width}}  {rule['reason']}"
        for rule in rules
    ]
    return "\n".join([f"{explanation['subject']} {verdict} {explanation['scope']} {about}", *lines])
