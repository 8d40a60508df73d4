"""`--insecure` and `--ca-file`, which every command has that talks to a server or keeps its URL.

Typer hands them to no function, since they mean the same for all commands: `racetrack_client.utils.tls` remembers them.
"""

from dataclasses import replace
from functools import cache
from typing import Annotated, Any

import typer
from typer.main import get_command

from racetrack_client.utils.tls import ASKED_TRUST

NAMES_OF_TLS_OPTIONS = {"_insecure", "_ca_file"}
_NAMES_OF_REMOTES = {"remote", "racetrack_url"}


def add_tls_options(command: Any) -> None:
    """Add the options to a command that has a remote, or to those commands of a group."""
    for each in getattr(command, "commands", {}).values():
        add_tls_options(each)
    if _NAMES_OF_REMOTES & {parameter.name for parameter in command.params}:
        command.params.extend(_list_options())


def _ask_insecure(insecure: bool | None) -> None:
    if insecure is not None:
        ASKED_TRUST.set(replace(ASKED_TRUST.get(), insecure=insecure))


def _ask_ca_file(ca_file: str | None) -> None:
    if ca_file is not None:
        ASKED_TRUST.set(replace(ASKED_TRUST.get(), ca_file=ca_file))


def _declare(
    _insecure: Annotated[
        bool | None,
        typer.Option(
            "--insecure/--secure",
            "-k",
            callback=_ask_insecure,
            expose_value=False,
            help="Don't check the certificate of an https server; --secure checks it, whatever is kept for the remote.",
            show_default=False,
        ),
    ] = None,
    _ca_file: Annotated[
        str | None,
        typer.Option(
            "--ca-file",
            metavar="FILE",
            callback=_ask_ca_file,
            expose_value=False,
            help="Trust the certificate authorities in this file, too; empty: none but those of this machine.",
        ),
    ] = None,
) -> None:
    """Declare the options as those of a command, of which Typer makes its own kind of options."""


@cache
def _list_options() -> list[Any]:
    app = typer.Typer(add_completion=False)
    app.command()(_declare)
    return [each for each in get_command(app).params if each.name != "help"]
