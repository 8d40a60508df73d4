"""What a requirements file asks for, with all it leads to."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from racetrack_client.log.errors import ValidationError

from image_builder.source.digest import digest_tree
from image_builder.source.source import resolve_inside

_INCLUDE = re.compile(r"(?:-r|--requirement|-c|--constraint)(?:\s+|=)(?P<path>\S+)")
_LOCAL = re.compile(
    r"(-e|--editable)\b|\.{0,2}/|\.$|file:|.*@\s*(file:|\.{0,2}/)|\S*\.(whl|tar\.gz|zip)(\s|$)|--find-links|-f\b"
)


def digest_requirements(directory: Path, relative: str) -> str:
    """Return a digest of the file, of the files it includes, and of the source when it installs from there."""
    total = hashlib.sha256()
    texts = list(
        _read_all(
            directory, resolve_inside(directory, relative, "requirements_path"), relative, set()
        )
    )
    for text in texts:
        total.update(text.encode() + b"\0")
    if any(_LOCAL.match(line) for text in texts for line in _list_lines(text)):
        total.update(digest_tree(directory).encode())
    return total.hexdigest()


def is_empty(directory: Path, relative: str) -> bool:
    """Tell whether a requirements file asks for nothing."""
    path = resolve_inside(directory, relative, "requirements_path")
    return path.is_file() and not _list_lines(_read(path, relative))


def _read_all(directory: Path, path: Path, shown: str, seen: set[Path]) -> Iterator[str]:
    if path in seen:
        return
    seen.add(path)
    text = _read(path, shown)
    yield text
    for line in _list_lines(text):
        if match := _INCLUDE.match(line):
            included = path.parent.relative_to(directory.resolve()) / match["path"]
            yield from _read_all(
                directory, resolve_inside(directory, str(included), shown), str(included), seen
            )


def _read(path: Path, shown: str) -> str:
    try:
        return path.read_text()
    except FileNotFoundError as error:
        raise ValidationError(
            f"requirements file {shown!r} is not among the job's files"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ValidationError(
            f"requirements file {shown!r} can't be read as text: {error}"
        ) from error


def _list_lines(text: str) -> list[str]:
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
    return [line for line in lines if line]
