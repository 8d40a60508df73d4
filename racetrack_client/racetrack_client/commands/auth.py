"""`racetrack auth`: who I am, who may do what, and why."""

from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from racetrack_client.client_config.auth import set_user_auth
from racetrack_client.commands.completion import complete_job_name
from racetrack_client.commands.opening import open_session
from racetrack_client.commands.options import (
    JobVersion,
    Output,
    OutputOption,
    Remote,
    print_data,
    say,
)
from racetrack_client.log.errors import ValidationError
from racetrack_client.utils.scope import AuthScope

auth_app = typer.Typer(no_args_is_help=True, help="Show and change who may do what, and why.")
app = typer.Typer()
app.add_typer(auth_app, name="auth")
_MARKS = {"continue": "-"}


@app.callback()
def _group() -> None:
    """Keep the group a command of a group."""


ScopeOption = Annotated[AuthScope, typer.Option(help="What is to be done.")]
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
    subject: Annotated[
        str,
        typer.Argument(
            help="Name of a user, ESC or job family; user:, esc: or job_family: before it says which."
        ),
    ],
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


@auth_app.command("allow", no_args_is_help=True)
def allow(
    subject: Annotated[
        str, typer.Argument(help="esc:ID of an ESC, or job_family:NAME of jobs that call others.")
    ],
    name: NameOfJob,
    remote: Remote = None,
    scope: ScopeOption = AuthScope.CALL_JOB,
) -> None:
    """Allow an ESC or a job family something on all versions of a job."""
    kind, _, holder = subject.partition(":")
    if kind not in ("esc", "job_family") or not holder:
        raise ValidationError(
            f"{subject} is no subject that can be allowed something here: give esc:ID or job_family:NAME; "
            "permissions of users are managed in the admin panel"
        )
    path = (
        f"auth/allow/{kind}/{quote(holder, safe='')}/job/{quote(name, safe='')}/scope/{scope.value}"
    )
    open_session(remote).call("POST", path)
    say(f"{subject} may {scope.value} {name}")


@auth_app.command("regenerate")
def regenerate(remote: Remote = None) -> None:
    """Replace your tokens, in case one got into wrong hands, and keep the new one."""
    session = open_session(remote)
    token = session.call("POST", "auth/token/user/regenerate")["new_token"]
    if session.environment.token:
        say("RACETRACK_AUTH_TOKEN holds a token that is not valid any more; the new one is kept")
    with session.changing_config() as config:
        set_user_auth(config, session.lifecycle_url, token)
    say(f"your tokens at {session.lifecycle_url} are replaced; log in again elsewhere")


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
