"""The platforms that `make up` started on this machine: each leaves a file beside the settings while it is up."""

from dataclasses import dataclass
from pathlib import Path

MOST_STACKS = 100


@dataclass(frozen=True)
class LocalStack:
    """A platform that was started on this machine by the same user."""

    url: str
    directory: str
    """The clone that it was started from."""


def list_local_stacks(config_path: Path) -> list[LocalStack]:
    """List the platforms that have left a file, and not removed it; one that was killed may be among them."""
    try:
        paths = sorted((config_path.parent / "stacks").iterdir())[:MOST_STACKS]
    except OSError:
        return []
    return [stack for path in paths if (stack := _find_stack(path))]


def _find_stack(path: Path) -> LocalStack | None:
    """Read the file of a stack, its URL in the first line and its directory in the second; None for any other file."""
    try:
        url, directory = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return None
    return LocalStack(url, directory) if url.startswith("http://") else None
