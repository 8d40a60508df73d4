"""`racetrack auth`: the user's identity, explanations of permissions, and the user's own tokens."""

import time
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from racetrack_client.client.job_call import JobEndpoint, Method
from racetrack_client.client.suggestions import resolve_endpoint
from racetrack_client.client_config.auth import set_user_auth
from racetrack_client.commands.access import permissions
from racetrack_client.commands.opening import open_session
from racetrack_client.commands.options import (
    JobVersion,
    Output,
    OutputOption,
    Remote,
    ScopeOption,
    complete_job_name,
    format_table,
    print_data,
    say,
)
from racetrack_client.entities import AuthScope
from racetrack_client.utils.time import days_ago_text

auth_app = typer.Typer(no_args_is_help=True, help="Show and change who may do what, and why.")
app = typer.Typer()
app.add_typer(auth_app, name="auth")
auth_app.add_typer(permissions.app)
tokens_app = typer.Typer()
auth_app.add_typer(tokens_app)
_MARKS = {"continue": "-"}
SECONDS_OF_A_DAY = 86400


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
            help="A method such as explain, or a path such as /api/v1/perform; "
            "without it the question is about the job as a whole.",
        ),
    ] = None,
    remote: Remote = None,
    version: JobVersion = "latest",
    scope: ScopeOption = AuthScope.CALL_JOB,
    output: OutputOption = Output.TEXT,
) -> None:
    """Tell whether a user, ESC or job family may do something to a job, and the rules that decide it."""
    session = open_session(remote)
    question = {"subject": subject, "job": name, "version": version, "scope": scope.value}
    if endpoint is not None:
        asked = JobEndpoint(name, version, endpoint)
        question["endpoint"] = resolve_endpoint(session, asked, Method.POST).path
    explanation = session.call("GET", f"auth/explain?{urlencode(question)}")
    print_data(explanation, output, _describe(explanation))


@tokens_app.command("tokens")
def print_tokens(remote: Remote = None, output: OutputOption = Output.TEXT) -> None:
    """List your tokens by their ends; * is the one in use."""
    tokens = open_session(remote).call("GET", "auth/token/user")
    header = ["ID", "END", "STATE", "LAST USED", "EXPIRES"]
    print_data(tokens, output, format_table(header, [_describe_token(token) for token in tokens]))


@tokens_app.command("new-token")
def make_token(
    remote: Remote = None,
    expires_in: Annotated[
        int | None,
        typer.Option(min=1, metavar="DAYS", help="Days until it expires; default: never."),
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Make another token of yours, for a script or a machine, and print it this once."""
    wanted: dict[str, int | None] = {"expiry_time": None}
    if expires_in:
        seconds = expires_in * SECONDS_OF_A_DAY
        # The server counts by its own clock; older ones only know times.
        wanted = {"expiry_time": int(time.time()) + seconds, "expires_in_seconds": seconds}
    made = open_session(remote).call("POST", "auth/token/user", wanted)
    print_data(made, output, made["token"])


@tokens_app.command("revoke-token", no_args_is_help=True)
def revoke_token(
    token_id: Annotated[str, typer.Argument(help="Id of the token, from `racetrack auth tokens`.")],
    remote: Remote = None,
) -> None:
    """Make a token of yours invalid, at once."""
    open_session(remote).call("DELETE", f"auth/token/user/{quote(token_id, safe='')}")
    say(f"token {token_id} is not valid any more")


@tokens_app.command("regenerate")
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


def _describe_token(token: dict[str, Any]) -> list[str]:
    now, expiry = int(time.time()), token["expiry_time"]
    is_valid = token["active"] and (expiry is None or expiry > now)
    return [
        token["id"],
        f"…{token['token_end']}",
        ("valid" if is_valid else "invalid") + (" *" if token["is_current"] else ""),
        days_ago_text(token["last_use_time"], now),
        _describe_moment(expiry) if expiry else "never",
    ]


def _describe_moment(timestamp: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(timestamp))
