"""Options that several commands share, the shell completions of their values, and the printing of results.

A completion never disturbs the prompt: when Lifecycle does not answer, it offers nothing.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from getpass import getpass
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from racetrack_client.client.suggestions import PATIENCE_SECONDS, list_endpoints
from racetrack_client.commands.opening import open_quiet_session
from racetrack_client.entities import AuthScope
from racetrack_client.log.errors import ValidationError
from racetrack_client.utils.terminal import SafeOutput


def print_data(data: Any, output: "Output", text: str) -> None:
    """Print data on standard output, as JSON or as the given text."""
    sys.stdout.write((json.dumps(data, indent=2) if output == Output.JSON else text) + "\n")


def pass_raw(raw: bool) -> None:
    """Let control characters pass to standard output when the user wants that."""
    if raw and isinstance(sys.stdout, SafeOutput):
        sys.stdout.pass_all()


def say(message: str) -> None:
    """Print a message that is not data on standard error."""
    sys.stderr.write(message + "\n")


def read_password(prompt: str = "Password") -> str:
    """Read the password: hidden on a terminal, otherwise from the first line of standard input."""
    try:
        password = getpass(f"{prompt}: ") if sys.stdin.isatty() else _read_line()
    except EOFError:
        password = ""
    if not password.rstrip("\r\n"):
        raise ValidationError("no password was given; type it, or send it to standard input")
    return password.rstrip("\r\n")


def _read_line() -> str:
    """Read a line and nothing behind it: the next command of a script reads the next line of the same standard input."""
    line = bytearray()
    while (byte := os.read(sys.stdin.fileno(), 1)) not in (b"", b"\n"):
        line += byte
    return line.decode(errors="surrogateescape")


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text with left-aligned columns, three spaces apart; the last column is padded, too."""
    lines = [header, *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(header))]
    return "\n".join(
        "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )


def complete_job_name(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the names of deployed jobs."""
    return _list_matches((job["name"] for job in _ask(context, "job")), incomplete)


def complete_exact_version(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the deployed versions of the job named on the command line."""
    name = _find_name(context)
    versions = (job["version"] for job in _ask(context, "job") if job["name"] == name)
    return _list_matches(versions, incomplete)


def complete_job_version(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the deployed versions of the job, and `latest`."""
    return _list_matches(["latest", *complete_exact_version(context, "")], incomplete)


def complete_endpoint(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the endpoints of the job named on the command line."""
    try:
        session = open_quiet_session(context.params.get("remote"))
        version = context.params.get("version") or "latest"
        found = list_endpoints(session, _find_name(context) or "", version)
    except Exception:  # noqa: BLE001 - Lifecycle may be away, the token expired
        return []
    return _list_matches(found, incomplete)


def complete_subject(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the names of job families, and to staff those of users and ESCs."""
    names = [
        str(each.get("username") or each.get("name") or "")
        for path in ("users", "escs", "job_family")
        for each in _ask(context, path)
    ]
    return _list_matches(filter(None, names), incomplete)


def complete_infrastructure(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the infrastructure targets on which jobs run."""
    targets = (job.get("infrastructure_target") or "" for job in _ask(context, "job"))
    return _list_matches(filter(None, targets), incomplete)


def complete_remote(incomplete: str) -> list[str]:
    """Offer the aliases of the settings file."""
    try:
        return _list_matches(open_quiet_session().config.lifecycle_url_aliases, incomplete)
    except Exception:  # noqa: BLE001 - the settings file may be broken
        return []


def complete_plugin_name(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the names of installed plugins."""
    return _list_matches((plugin["name"] for plugin in _ask(context, "plugin")), incomplete)


def complete_plugin_version(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the installed versions of the plugin named on the command line."""
    name = _find_name(context)
    plugins = (plugin for plugin in _ask(context, "plugin") if plugin["name"] == name)
    return _list_matches((plugin["version"] for plugin in plugins), incomplete)


class TidyCommand(TyperCommand):
    """A command whose usage leaves out hidden arguments, which only scripts for older versions pass."""

    def collect_usage_pieces(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Return the pieces of the line of usage."""
        shown = [each for each in self.get_params(ctx) if not getattr(each, "hidden", False)]
        return [piece for each in shown for piece in each.get_usage_pieces(ctx)] + [
            self.options_metavar or ""
        ]


class Output(StrEnum):
    """The format in which commands print data."""

    TEXT = "text"
    JSON = "json"


Remote = Annotated[
    str | None,
    typer.Option(
        help="Lifecycle's URL or its alias; default: the current remote.",
        autocompletion=complete_remote,
    ),
]
OutputOption = Annotated[
    Output, typer.Option("--output", "-o", help="Print data as text or as JSON.")
]
RawOutput = Annotated[
    bool,
    typer.Option(
        "--raw", help="Keep control characters, which are left out otherwise, and colours."
    ),
]
ExtraVars = Annotated[
    list[str] | None,
    typer.Option(
        "--extra-vars",
        "-e",
        metavar="KEY=VALUE",
        help="Override a key of the manifest, such as git.branch=dev, or remove it by KEY-; repeatable.",
    ),
]
FollowBuildLog = Annotated[
    bool, typer.Option("--build-logs", help="Show the log of the build while it grows.")
]
DeploymentTimeout = Annotated[
    float,
    typer.Option(
        "--timeout", min=0, metavar="SECONDS", help="How long to wait; the deployment goes on."
    ),
]
JobName = Annotated[str, typer.Argument(help="Name of the job.", autocompletion=complete_job_name)]
JobVersion = Annotated[
    str,
    typer.Option(
        "--version",
        help="Exact version, latest, or a pattern such as 1.x.",
        autocompletion=complete_job_version,
    ),
]
ExactVersion = Annotated[
    str, typer.Option("--version", help="The exact version.", autocompletion=complete_exact_version)
]
ScopeOption = Annotated[AuthScope, typer.Option(help="What is to be done.")]


def _find_name(context: typer.Context) -> str | None:
    """Return the name argument; Typer has not assigned arguments yet while an option lacks its value."""
    known = context.params.get("name") or context.params.get("plugin_name")
    return known or next(iter(context.args), None)


def _ask(context: typer.Context, path: str) -> Iterator[dict[str, Any]]:
    try:
        session = open_quiet_session(context.params.get("remote"))
        return iter(list(session.call("GET", path, timeout_seconds=PATIENCE_SECONDS)))
    except Exception:  # noqa: BLE001 - Lifecycle may be away, the token expired
        return iter(())


def _list_matches(values: Iterable[str], incomplete: str) -> list[str]:
    return sorted({value for value in values if value.startswith(incomplete)})
