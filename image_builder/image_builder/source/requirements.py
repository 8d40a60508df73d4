"""Requirements files: the files that they include, and a digest of everything that their installation reads."""

import hashlib
import re
from collections.abc import Mapping
from os.path import normpath
from pathlib import Path

from racetrack_client.log.errors import ValidationError

from image_builder.source.source_tree import digest_tree, resolve_inside

_INCLUDE = re.compile(r"(?:-r|--requirement|-c|--constraint)(?:\s+|=)(?P<path>(?!\w+://)\S+)")
_LOCAL = re.compile(
    r"(-e|--editable)\b|\.{0,2}/|\.$|file:|.*@\s*(file:|\.{0,2}/)|\S*\.(whl|tar\.gz|zip)(\s|$)|--find-links|-f\b"
)


def digest_requirements(directory: Path, relative: str) -> str:
    """Return a digest of the file, of the files that it includes, and of the whole source when it installs from there."""
    total = hashlib.sha256()
    texts = _read_all(directory, relative)
    for text in texts.values():
        total.update(text.encode() + b"\0")
    if _install_from_source(texts):
        total.update(digest_tree(directory).encode())
    return total.hexdigest()


def list_files(directory: Path, relative: str) -> list[str]:
    """Return the paths in the job's directory that the installation reads; `.` stands for the whole directory.

    Raises ValidationError when one of the files is missing or is no text.
    """
    texts = _read_all(directory, relative)
    return ["."] if _install_from_source(texts) else list(texts)


def is_empty(directory: Path, relative: str) -> bool:
    """Return whether a requirements file exists and lists nothing."""
    path = resolve_inside(directory, relative, "requirements_path")
    return path.is_file() and not _list_lines(_read(path, relative))


def _read_all(directory: Path, relative: str) -> dict[str, str]:
    """Return the texts of the file and of the files that it includes, by their paths in the directory."""
    texts: dict[str, str] = {}
    waiting = [relative]
    while waiting:
        shown = normpath(waiting.pop(0))
        if shown in texts:
            continue
        texts[shown] = _read(resolve_inside(directory, shown, "requirements_path"), shown)
        found = (_INCLUDE.match(line) for line in _list_lines(texts[shown]))
        waiting += [str(Path(shown).parent / match["path"]) for match in found if match]
    return texts


def _install_from_source(texts: Mapping[str, str]) -> bool:
    return any(_LOCAL.match(line) for text in texts.values() for line in _list_lines(text))


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
