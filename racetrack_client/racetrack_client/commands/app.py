"""The table of commands and their modules; the module of a command is imported when the command is called."""

import difflib
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import (  # type: ignore[attr-defined]
    CompletionItem,
    TyperCommand,
    TyperGroup,
)
from typer.main import get_command

from racetrack_client import __version__
from racetrack_client.commands.access.tls_options import add_tls_options

COMMANDS = {
    "deploy": "racetrack_client.commands.deploy",
    "validate": "racetrack_client.commands.deploy",
    "files": "racetrack_client.commands.files",
    "run-local": "racetrack_client.commands.run_local",
    "list": "racetrack_client.commands.jobs",
    "status": "racetrack_client.commands.status",
    "open": "racetrack_client.commands.status",
    "logs": "racetrack_client.commands.jobs",
    "build-logs": "racetrack_client.commands.jobs",
    "delete": "racetrack_client.commands.jobs",
    "move": "racetrack_client.commands.jobs",
    "rollback": "racetrack_client.commands.deployments",
    "deployments": "racetrack_client.commands.deployments",
    "attach": "racetrack_client.commands.deployments",
    "cancel": "racetrack_client.commands.deployments",
    "call": "racetrack_client.commands.call",
    "async": "racetrack_client.commands.call",
    "calls": "racetrack_client.commands.access.calls",
    "login": "racetrack_client.commands.settings",
    "logout": "racetrack_client.commands.settings",
    "set": "racetrack_client.commands.settings",
    "get": "racetrack_client.commands.settings",
    "auth": "racetrack_client.commands.access.auth",
    "user": "racetrack_client.commands.access.users",
    "plugin": "racetrack_client.commands.plugins",
    "dashboard": "racetrack_client.commands.status",
    "version": "racetrack_client.commands.settings",
}
"""Module of each command."""
_WORDS_OF_OTHERS = {
    **dict.fromkeys(("ls", "ps", "jobs"), "list"),
    **dict.fromkeys(("rm", "remove", "stop"), "delete"),
    **dict.fromkeys(("push", "publish", "up"), "deploy"),
    **dict.fromkeys(("run", "serve", "dev"), "run-local"),
    **dict.fromkeys(("describe", "show", "info"), "status"),
    **dict.fromkeys(("invoke", "predict", "perform"), "call"),
    **dict.fromkeys(("history", "releases"), "deployments"),
    **dict.fromkeys(("abort", "kill"), "cancel"),
    "log": "logs",
    "users": "user",
}
"""Commands of similar tools, and those of ours that do the same."""


class OutputClosed(Exception):
    """The reader of our output, such as `head`, has closed it."""


class LazyGroup(TyperGroup):
    """Knows the names of its commands, and imports the module of the one that is called.

    Each module has an `app` with its commands; importing all of them takes longer than most
    commands run.
    """

    def list_commands(self, _ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return list(COMMANDS)

    def get_command(  # type: ignore[override]
        self, ctx: typer.Context, cmd_name: str
    ) -> TyperCommand | TyperGroup | None:
        if cmd_name not in COMMANDS:
            return None
        group = get_command(importlib.import_module(COMMANDS[cmd_name]).app)
        found = group.get_command(ctx, cmd_name) if isinstance(group, TyperGroup) else None
        if found is not None:
            add_tls_options(found)
        return found if isinstance(found, TyperCommand | TyperGroup) else None

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]
        if args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            meant = _WORDS_OF_OTHERS.get(args[0]) or next(iter(close), None)
            hint = f"Did you mean {meant}?" if meant else "`racetrack --help` lists them all."
            ctx.fail(f"No such command '{args[0]}'. {hint}")
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Take the words of a line that the shell completes as they are: Typer imports pydantic to read options."""
        if not ctx.resilient_parsing or (args and args[0].startswith("-")):
            return super().parse_args(ctx, args)
        ctx._opt_prefixes.update({"-", "--"})
        ctx._protected_args, ctx.args = args[:1], args[1:]
        return ctx.args

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Offer the names of commands without importing them, which Tab should not wait for."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [CompletionItem(name) for name in COMMANDS if name.startswith(incomplete)]

    def make_context(self, *args: Any, **extra: Any) -> Any:
        # Help is printed here.
        with _noticing_closed_output():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        with _noticing_closed_output():
            return super().invoke(ctx)


@contextmanager
def _noticing_closed_output() -> Iterator[None]:
    """Raise OutputClosed on a BrokenPipeError, for which Typer would end the program with code 1.

    The buffer is flushed here: when the interpreter flushes it at its end, the error can't be caught any more.
    """
    try:
        try:
            yield
        except typer.Exit:
            sys.stdout.flush()
            raise
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise OutputClosed from error
    except SystemExit as error:
        # Rich, which prints help, ends the program with 1, too.
        if isinstance(error.__context__, BrokenPipeError):
            raise OutputClosed from error
        raise


def make_app() -> typer.Typer:
    """Put the command line together."""
    app = typer.Typer(
        cls=LazyGroup,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_root)
    return app


def _root(
    context: typer.Context,
    _verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show where an error comes from.")
    ] = False,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Deploy jobs to Racetrack and look after them.

    Start with: racetrack set remote URL, racetrack login --username NAME, racetrack deploy DIR.
    """
    if show_version:
        sys.stdout.write(f"racetrack-client version {__version__}\n")
    elif context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")
