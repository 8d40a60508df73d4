"""`racetrack files`: what a deployment would send, and what it would leave out."""

from pathlib import Path
from typing import Annotated, Any

import typer

from racetrack_client.client.deploy import JobSource
from racetrack_client.client.source_files import SourceFiles, collect_source, format_size
from racetrack_client.commands.options import Output, OutputOption, print_data
from racetrack_client.manifest.parse import parse_manifest

app = typer.Typer()


@app.callback()
def _group() -> None:
    """Keep the command a command of a group."""


@app.command("files")
def list_files(
    workdir: Annotated[
        Path, typer.Argument(help="Directory with job.yaml, or a manifest file.")
    ] = Path(),
    output: OutputOption = Output.TEXT,
) -> None:
    """List the files that a deployment would send, and those that it would leave out.

    Sent is what git keeps or would keep, and what the manifest and the requirements name; .racetrackignore leaves out more.
    """
    source = JobSource.load(workdir, {})
    files = collect_source(source.directory, parse_manifest(source.content))
    print_data(_describe(files), output, _format(files))


def _describe(files: SourceFiles) -> dict[str, Any]:
    return {
        "sent": [{"path": str(path), "bytes": size} for path, size in files.list_sizes()],
        "left_out": [
            {"path": str(path), "reason": reason} for path, reason in files.left_out.items()
        ],
    }


def _format(files: SourceFiles) -> str:
    sent = [f"{format_size(size):>12}  {path}" for path, size in files.list_sizes()]
    left_out = [f"    left out  {path}: {reason}" for path, reason in files.left_out.items()]
    return "\n".join([*sent, *left_out])
