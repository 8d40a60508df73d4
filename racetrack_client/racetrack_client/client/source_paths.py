"""Paths of a job's source, which never lead outside the job's directory."""

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


def check_leads_inside(path: Path, root: Path) -> None:
    """Raise ValidationError when the path is a link that leads outside the root, which is the job's directory."""
    if path.is_symlink() and not path.resolve().is_relative_to(root.resolve()):
        raise ValidationError(
            f"{path.relative_to(root)} is a link that leads outside the job's directory; "
            "copy there what it means, or name the link in .racetrackignore"
        )
