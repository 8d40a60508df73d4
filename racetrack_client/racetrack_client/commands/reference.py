"""The reference of all commands: `python -m racetrack_client.commands.reference docs/cli.md` rewrites it."""

import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import typer
from typer.main import get_command

from racetrack_client.commands.access.tls_options import NAMES_OF_TLS_OPTIONS
from racetrack_client.commands.app import make_app

MARK = (
    "<!-- The rest is written by `python -m racetrack_client.commands.reference docs/cli.md`. -->\n"
)


def renew(text: str) -> str:
    """Return the document with a new reference after the mark."""
    return text.partition(MARK)[0] + MARK + "\n" + "\n".join(_describe_all())


def _describe_all() -> Iterator[str]:
    root = get_command(make_app())
    for name, command in _list_commands(root, "racetrack"):
        yield f"## {name}\n"
        yield f"{_one_line_each(command.help or '')}\n"
        parameters = [each for each in command.params if not _is_left_out(each)]
        arguments = [each for each in parameters if each.param_type_name == "argument"]
        options = [each for each in parameters if each.param_type_name == "option"]
        usage = [_name_argument(each) for each in arguments] + (["[options]"] if options else [])
        yield f"    {' '.join([name, *usage])}\n"
        rows = [(_name_argument(each), each) for each in arguments]
        rows += [(_name_option(each), each) for each in options]
        if rows:
            yield "| | |\n|---|---|"
            yield from (f"| `{shown}` | {_explain(each)} |" for shown, each in rows)
            yield ""


def _list_commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    context = typer.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if hasattr(command, "list_commands"):
            yield from _list_commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _is_left_out(parameter: Any) -> bool:
    """Return whether a parameter is hidden, or is told at the beginning of the page, since most commands have it."""
    return getattr(parameter, "hidden", False) or parameter.name in NAMES_OF_TLS_OPTIONS


def _name_argument(argument: Any) -> str:
    name = (argument.metavar or argument.name).upper()
    return name if argument.required else f"[{name}]"


def _name_option(option: Any) -> str:
    value = "" if option.is_flag else f" {(option.metavar or option.name).upper()}"
    return ", ".join(sorted(option.opts, key=len, reverse=True)) + value


def _explain(parameter: Any) -> str:
    text = parameter.help or ""
    if choices := _list_choices(parameter):
        text += f" One of {', '.join(choices)}."
    if parameter.required and parameter.param_type_name == "option":
        text += " Required."
    default = parameter.default
    if default not in (None, False, "", []) and getattr(parameter, "show_default", True):
        text += f" Default: `{getattr(default, 'value', default)}`."
    return text.replace("|", "\\|")


def _list_choices(parameter: Any) -> list[str]:
    annotation = parameter.type_descriptor.annotation
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, Enum):
            return [str(each.value) for each in kind]
    return []


def _one_line_each(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


if __name__ == "__main__":
    document = Path(sys.argv[1])
    document.write_text(renew(document.read_text()))
