"""Paths of a job's source, which never lead outside the job's directory."""

from os.path import normpath
from pathlib import Path

from racetrack_client.log.errors import ValidationError


def resolve_inside(root: Path, relative: str, what: str) -> Path:
    """Return the path below the root with its links followed; raises ValidationError when it leads outside.

    `what` names the path in the error.
    """
    path = (root / relative).resolve()
    if not path.is_relative_to(root.resolve()):
        raise ValidationError(f"{what} {relative!r} leads outside the job's source")
    return path


def is_inside(root: Path, name: str | Path) -> bool:
    """Return whether a name means something below the root, both as it is written and with its links followed."""
    written = Path(normpath(name))
    is_apart = written.is_absolute() or ".." in written.parts
    return not is_apart and (root / written).resolve().is_relative_to(root.resolve())


def check_named_inside(root: Path, name: str | Path) -> None:
    """Raise ValidationError when a file that the job names is none of the job's directory."""
    if not is_inside(root, name):
        raise ValidationError(
            f"{name} lies outside the job's directory; copy it there, and name the copy"
        )


def check_leads_inside(path: Path, root: Path) -> None:
    """Raise ValidationError when the path below the root is a link that leads outside the root, the job's directory."""
    if path.is_symlink() and not path.resolve().is_relative_to(root.resolve()):
        raise ValidationError(
            f"{path.relative_to(root)} is a link that leads outside the job's directory; "
            "copy there what it means, or name the link in .racetrackignore"
        )
