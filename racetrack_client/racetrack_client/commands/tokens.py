"""`racetrack auth tokens`, `new-token`, `revoke-token` and `regenerate`: the user's own tokens."""

import time
from typing import Annotated, Any
from urllib.parse import quote

import typer

from racetrack_client.client_config.auth import set_user_auth
from racetrack_client.commands.opening import open_session
from racetrack_client.commands.options import Output, OutputOption, Remote, print_data, say
from racetrack_client.commands.table import format_table
from racetrack_client.utils.time import days_ago_text

app = typer.Typer()
SECONDS_OF_A_DAY = 86400


@app.command("tokens")
def list_tokens(remote: Remote = None, output: OutputOption = Output.TEXT) -> None:
    """List your tokens by their ends; * is the one in use."""
    tokens = open_session(remote).call("GET", "auth/token/user")
    header = ["ID", "END", "STATE", "LAST USED", "EXPIRES"]
    print_data(tokens, output, format_table(header, [_describe(token) for token in tokens]))


@app.command("new-token")
def make_token(
    remote: Remote = None,
    expires_in: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="DAYS", help="Days until it expires; default: never.", show_default=False
        ),
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Make another token of yours, for a script or a machine, and print it this once."""
    expiry = int(time.time()) + expires_in * SECONDS_OF_A_DAY if expires_in else None
    made = open_session(remote).call("POST", "auth/token/user", {"expiry_time": expiry})
    print_data(made, output, made["token"])


@app.command("revoke-token", no_args_is_help=True)
def revoke_token(
    token_id: Annotated[str, typer.Argument(help="Id of the token, from `racetrack auth tokens`.")],
    remote: Remote = None,
) -> None:
    """Make a token of yours invalid, at once."""
    open_session(remote).call("DELETE", f"auth/token/user/{quote(token_id, safe='')}")
    say(f"token {token_id} is not valid any more")


@app.command("regenerate")
def regenerate(remote: Remote = None) -> None:
    """Replace your tokens, in case one got into wrong hands, and keep the new one."""
    session = open_session(remote)
    token = session.call("POST", "auth/token/user/regenerate")["new_token"]
    if session.environment.token:
        say("RACETRACK_AUTH_TOKEN holds a token that is not valid any more; the new one is kept")
    with session.changing_config() as config:
        set_user_auth(config, session.lifecycle_url, token)
    say(f"your tokens at {session.lifecycle_url} are replaced; log in again elsewhere")


def _describe(token: dict[str, Any]) -> list[str]:
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
