"""`racetrack user`: the people who may log in, as staff looks after them, and the password of oneself."""

import time
from shlex import quote as shell_quote
from typing import Annotated, Any
from urllib.parse import quote

import typer

from racetrack_client.client.session import Session
from racetrack_client.commands.opening import open_session
from racetrack_client.commands.options import (
    Output,
    OutputOption,
    Remote,
    format_table,
    print_data,
    read_password,
    say,
)
from racetrack_client.utils.time import days_ago_text

app = typer.Typer()
user_app = typer.Typer(
    no_args_is_help=True, help="Look after users, as staff; change your own password."
)
app.add_typer(user_app, name="user")

Username = Annotated[str, typer.Argument(metavar="NAME", help="Such as anna, or anna@example.com.")]
_INVITATION = """\
Racetrack at {url}: your user is {name}, your password is {password}

    racetrack set remote {url}
    racetrack login --username {word}
    racetrack user password           (choose your own)"""


@user_app.command("list")
def list_users(remote: Remote = None, output: OutputOption = Output.TEXT) -> None:
    """List all users."""
    users = open_session(remote).call("GET", "users")
    header = ["NAME", "STATE", "RIGHTS", "LAST LOG-IN"]
    print_data(users, output, format_table(header, [_describe(user) for user in users]))


@user_app.command("add", no_args_is_help=True)
def add(name: Username, remote: Remote = None) -> None:
    """Add a user who may log in, with the password that is asked for, or read from standard input."""
    _add(open_session(remote), name, read_password(f"Password of {name}"))


@user_app.command("invite", no_args_is_help=True)
def invite(name: Username, remote: Remote = None, output: OutputOption = Output.TEXT) -> None:
    """Add a user with a generated password, and print this once what to send to the person."""
    session = open_session(remote)
    added = _add(session, name, None)
    text = _INVITATION.format(
        url=session.lifecycle_url, name=name, word=shell_quote(name), password=added["password"]
    )
    print_data(added, output, text)


@user_app.command("activate", no_args_is_help=True)
def activate(name: Username, remote: Remote = None) -> None:
    """Let a user log in, such as one who has registered."""
    _change(open_session(remote), name, is_active=True)
    say(f"{name} may log in; `racetrack auth permissions {shell_quote(name)}` shows what for")


@user_app.command("deactivate", no_args_is_help=True)
def deactivate(name: Username, remote: Remote = None) -> None:
    """Log a user out everywhere, and let none of the user's tokens count, until the user is activated again."""
    _change(open_session(remote), name, is_active=False)
    say(f"{name} may not log in any more, and no token of {name} counts")


@user_app.command("password")
def change_password(remote: Remote = None) -> None:
    """Change your own password: the present one is asked for, and then the new one."""
    session = open_session(remote)
    old, new = read_password("Present password"), read_password("New password")
    session.call("PUT", "users/change_password", {"old_password": old, "new_password": new})
    say("your password is changed; your tokens stay valid")


def _add(session: Session, name: str, password: str | None) -> dict[str, Any]:
    added: dict[str, Any] = session.call("POST", "users", {"username": name, "password": password})
    command = f"racetrack auth allow {shell_quote(name)} JOB"
    say(f"user {name} is added, and may do nothing yet: {command}")
    return added


def _change(session: Session, name: str, *, is_active: bool) -> None:
    session.call("PUT", f"users/{quote(name, safe='')}", {"is_active": is_active})


def _describe(user: dict[str, Any]) -> list[str]:
    rights = [right for right in ("staff", "superuser") if user[f"is_{right}"]]
    state = "active" if user["is_active"] else "inactive"
    last_login = days_ago_text(user["last_login"], int(time.time()))
    return [user["username"], state, ", ".join(rights) or "-", last_login]
