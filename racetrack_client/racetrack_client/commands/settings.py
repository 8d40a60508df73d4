"""`racetrack set`, `get`, `login`, `logout` and `version`: the settings of this command."""

from shlex import quote
from typing import Annotated

import typer
import yaml

from racetrack_client import __version__
from racetrack_client.client.session import Session, get_token_user, log_in
from racetrack_client.client_config.auth import (
    forget_user_auth,
    read_tls_trust,
    set_tls_trust,
    set_user_auth,
)
from racetrack_client.client_config.client_config import ClientConfig
from racetrack_client.commands.opening import open_session
from racetrack_client.commands.options import (
    Output,
    OutputOption,
    Remote,
    complete_remote,
    print_data,
    read_password,
    say,
)
from racetrack_client.entities import Credentials
from racetrack_client.log.errors import EntityNotFound, ValidationError
from racetrack_client.utils.request import ResponseError
from racetrack_client.utils.tls import get_asked_trust
from racetrack_client.utils.url import (
    describe_missing_scheme,
    has_no_scheme,
    resolve_lifecycle_url,
)

app = typer.Typer()
_MOST_SHOWN = 4

set_app = typer.Typer(no_args_is_help=True, help="Set the remote, aliases and git credentials.")
get_app = typer.Typer(no_args_is_help=True, help="Print what is set.")
app.add_typer(set_app, name="set")
app.add_typer(get_app, name="get")

Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print the value alone, also on a terminal.")
]


@set_app.command("remote", no_args_is_help=True)
def set_remote(
    remote: Annotated[
        str,
        typer.Argument(help="Lifecycle's URL, or an alias.", autocompletion=complete_remote),
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Only if a Lifecycle answers there.")
    ] = False,
) -> None:
    """Choose the Racetrack that all commands talk to."""
    session = open_session()
    url = resolve_lifecycle_url(remote, session.config.lifecycle_url_aliases)
    if check:
        open_session(remote).check_answers()
    with session.changing_config() as config:
        config.lifecycle_url = remote
        _keep_trust(config, url)
    say(f"remote is now {remote}" + ("" if remote == url else f", which is {url}"))
    if has_no_scheme(remote, session.config.lifecycle_url_aliases):
        say(f"note: {remote} is no alias. {describe_missing_scheme(remote)}")


@set_app.command("alias", no_args_is_help=True)
def set_alias(
    alias: Annotated[str, typer.Argument(help="The short name.")],
    racetrack_url: Annotated[
        str, typer.Argument(help="Lifecycle's URL, such as http://localhost:7202.")
    ],
) -> None:
    """Give a Racetrack a short name."""
    if not alias:
        raise ValidationError("an alias needs a name, such as work")
    session = open_session()
    resolved = resolve_lifecycle_url(racetrack_url, {})
    with session.changing_config() as config:
        config.lifecycle_url_aliases[alias] = racetrack_url.rstrip("/")
        _keep_trust(config, resolved)
    say(f"alias {alias} is now {resolved}")
    if has_no_scheme(racetrack_url, {}):
        say(f"note: {describe_missing_scheme(racetrack_url)}")


@set_app.command("credentials", no_args_is_help=True)
def set_credentials(
    repo_url: Annotated[str, typer.Argument(help="A repository, or the host of several.")],
    username: Annotated[str, typer.Argument(help="User name at the git host.")],
    token_password: Annotated[
        str, typer.Argument(help="Token or password with the right to read.")
    ],
) -> None:
    """Keep the credentials with which the builder clones private repositories."""
    with open_session().changing_config() as config:
        config.git_credentials[repo_url.rstrip("/")] = Credentials(
            username=username, password=token_password
        )
    say(f"credentials for {repo_url} are set")


@get_app.command("remote")
def print_remote(
    remote: Remote = None, quiet: Quiet = False, output: OutputOption = Output.TEXT
) -> None:
    """Print the URL of the current remote."""
    session = open_session(remote)
    if not quiet and session.remote_name != session.lifecycle_url:
        say(f"remote {session.remote_name}")
    print_data(
        {"name": session.remote_name, "url": session.lifecycle_url}, output, session.lifecycle_url
    )


@get_app.command("pub")
def print_pub(
    remote: Remote = None, quiet: Quiet = False, output: OutputOption = Output.TEXT
) -> None:
    """Print the URL of the gateway to jobs."""
    url = open_session(remote).pub_url
    if not quiet:
        say("gateway to jobs:")
    print_data({"url": url}, output, url)


@get_app.command("config")
def print_config(output: OutputOption = Output.TEXT) -> None:
    """Print all settings, secrets included."""
    config = open_session().config.model_dump()
    print_data(config, output, yaml.safe_dump(config))


@get_app.command("auth-token")
def print_auth_token(remote: Remote = None, output: OutputOption = Output.TEXT) -> None:
    """Print the token for the remote, for use in scripts."""
    token = open_session(remote).token
    print_data({"token": token}, output, token)


@app.command("login", no_args_is_help=True)
def login(
    user_token: Annotated[str | None, typer.Argument(help="Token, from your profile page.")] = None,
    username: Annotated[
        str | None,
        typer.Option(
            help="Log in by name; the password is asked for, or read from standard input.",
        ),
    ] = None,
    remote: Remote = None,
) -> None:
    """Log in to a Racetrack by token, or by user name and password."""
    session = open_session(remote)
    if user_token:
        token = user_token.strip()
        name = get_token_user(session, token)
    elif username:
        name, token = username, log_in(session, username, read_password())
    else:
        raise ValidationError("give a token, or --username NAME")
    with session.changing_config() as config:
        set_user_auth(config, session.lifecycle_url, token)
        _keep_trust(config, session.lifecycle_url)
    say(f"logged in as {name} to {session.lifecycle_url}")
    if username:
        say(_describe_rights(session, name, token))


@app.command("logout")
def logout(remote: Remote = None) -> None:
    """Forget the token for the remote."""
    session = open_session(remote)
    with session.changing_config() as config:
        if not forget_user_auth(config, session.lifecycle_url):
            raise EntityNotFound(f"not logged in to {session.lifecycle_url}")
    say(f"logged out of {session.lifecycle_url}")


@app.command("version")
def version(output: OutputOption = Output.TEXT) -> None:
    """Print the version of this command."""
    print_data({"version": __version__}, output, f"racetrack-client version {__version__}")


def _keep_trust(config: ClientConfig, lifecycle_url: str) -> None:
    """Keep what the options say about certificates for all later commands that talk to this Lifecycle."""
    set_tls_trust(config, lifecycle_url, get_asked_trust())
    if read_tls_trust(config, lifecycle_url).insecure:
        say(
            f"note: the certificate of {lifecycle_url} is not checked, so that whoever stands between "
            f"may read your token; `racetrack set remote {lifecycle_url} --secure` checks it again"
        )


def _describe_rights(session: Session, name: str, token: str) -> str:
    try:
        held = session.call("GET", "auth/permissions", token=token)
    except ResponseError:  # An older Lifecycle does not tell.
        return "see `racetrack list`"
    if not held:
        return f"you may do nothing yet: an admin grants it, such as by `racetrack auth allow {quote(name)} JOB`"
    shown = ", ".join(each["description"] for each in held[:_MOST_SHOWN])
    more = ", …" if len(held) > _MOST_SHOWN else ""
    return f"you may: {shown}{more} (`racetrack auth permissions` lists all)"
