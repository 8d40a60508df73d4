"""Jobs as commands show them: as JSON without empty keys, and with coloured statuses on a terminal."""

import re
from typing import Any, TextIO

from racetrack_client.commands.opening import read_variables
from racetrack_client.utils.memory import format_memory

_COLOURS = {"RUNNING": "32", "STARTING": "33"}
_OTHER_COLOUR = "31"
"""The colour of the statuses of jobs that need a look."""
_STATUS = re.compile(r"\b(RUNNING|STARTING|ERROR|LOST|ORPHANED)\b")


def tidy_job(job: dict[str, Any]) -> dict[str, Any]:
    """Return a job without the keys of its manifest that say nothing: unset ones, and the obsolete kind of image."""
    manifest = job.get("manifest")
    if not isinstance(manifest, dict):
        return job
    kept = {
        key: value
        for key, value in manifest.items()
        if value is not None and (key, value) != ("image_type", "docker")
    }
    return job | {"manifest": kept}


def has_colours(stream: TextIO) -> bool:
    """Return whether a stream is a terminal whose user wants colours."""
    return stream.isatty() and not read_variables().get("NO_COLOR")


def paint_statuses(table: str, stream: TextIO) -> str:
    """Return a table with coloured statuses if a terminal shows it, else as it is."""
    if not has_colours(stream):
        return table
    head, *rows = table.split("\n")
    return "\n".join([f"\033[1m{head}\033[0m", *map(_paint_row, rows)])


def paint_status(status: str, stream: TextIO) -> str:
    """Return a status in its colour if a terminal shows it, else as it is."""
    return _paint(status) if has_colours(stream) else status


def _paint_row(row: str) -> str:
    return _STATUS.sub(lambda found: _paint(found.group()), row, count=1)


def _paint(status: str) -> str:
    return f"\033[{_COLOURS.get(status, _OTHER_COLOUR)}m{status}\033[0m"


def describe_memory(statistics: dict[str, Any]) -> str:
    """Return what a job uses of its memory, with its peak; some targets don't know all of them."""
    used, peak, limit = (
        format_memory(statistics[key]) if statistics.get(key) else ""
        for key in ("memory_bytes", "memory_peak_bytes", "memory_limit_bytes")
    )
    notes = [f"peak {peak}"] * bool(peak) + [f"limit {limit}"] * bool(limit)
    return f"{used} ({', '.join(notes)})" if used and notes else used
