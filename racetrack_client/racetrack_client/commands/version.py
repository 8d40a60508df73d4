"""`racetrack version`."""

import typer

from racetrack_client import __version__
from racetrack_client.commands.options import Output, OutputOption, print_data

app = typer.Typer()


@app.callback()
def _group() -> None:
    """Keep the command a command of a group."""


@app.command("version")
def version(output: OutputOption = Output.TEXT) -> None:
    """Print the version of this command."""
    print_data({"version": __version__}, output, f"racetrack-client version {__version__}")
