"""Requirements files of a job: the files that they include, and the local files that they install."""

import re
from collections.abc import Mapping, Sequence
from os.path import normpath
from pathlib import Path

from racetrack_client.client.source_paths import is_inside, resolve_inside
from racetrack_client.log.errors import ValidationError

_INCLUDE = re.compile(
    r"(?:-r|--requirement|-c|--constraint)(?:\s*=\s*|\s+|(?=[^\s-]))(?P<path>(?!['\"]?\w+://).+)"
)
_LINKS = re.compile(r"(?:-f|--find-links)(?:\s*=\s*|\s+)(?P<path>(?!['\"]?\w+://).+)")
_EDITABLE = re.compile(r"(?:-e|--editable)(?:\s*=\s*|\s+)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[[^\]]*\])?\s*@\s*")
_HERE = re.compile(r"^file:(?://)?(?:\$\{(?:PWD|PROJECT_ROOT)\}/)?")
_REMOTE = re.compile(r"\w[\w+.-]*://|\w+\+")
_ARCHIVES = (".whl", ".tar.gz", ".tar.bz2", ".tgz", ".zip")


def read_requirements(directory: Path, relative: str) -> dict[str, list[str]]:
    """Return the lines of a requirements file and of the files that it includes, by their paths in the directory.

    Comments and empty lines are left out. Raises ValidationError when a file is missing or is no text.
    """
    found: dict[str, list[str]] = {}
    waiting = [(relative, "")]
    while waiting:
        name, includer = waiting.pop(0)
        shown = normpath(name)
        if shown in found:
            continue
        path = resolve_inside(directory, shown, "requirements_path")
        found[shown] = _list_lines(_read(path, shown, includer))
        for line in found[shown]:
            if match := _INCLUDE.fullmatch(line):
                waiting.append((str(Path(shown).parent / _unquote(match["path"])), shown))
    return found


def list_local_paths(lines: Sequence[str]) -> list[str]:
    """List the paths that requirements name: of wheels, archives, libraries, and directories of `--find-links`."""
    return [path for line in lines if (path := _find_local_path(line)) is not None]


def list_named_files(directory: Path, relative: str) -> list[str]:
    """List everything in the directory that an installation reads: the requirements files, and what they name."""
    texts: Mapping[str, Sequence[str]] = read_requirements(directory, relative)
    named = list(texts)
    for file, lines in texts.items():
        for path in list_local_paths(lines):
            # pip and uv read such a path from the working directory; some write it as seen from the file.
            places = (normpath(path), normpath(Path(file).parent / path))
            found = [each for each in places if (directory / each).exists()]
            named += [each for each in found if is_inside(directory, each)] or found
    return named


def _find_local_path(line: str) -> str | None:
    if match := _LINKS.fullmatch(line):
        return _unquote(match["path"])
    is_editable = _EDITABLE.match(line)
    target = _EDITABLE.sub("", line, count=1) if is_editable else line
    if target.startswith("-"):
        return None
    is_named = _NAME.match(target)
    target = _NAME.sub("", target, count=1) if is_named else target
    target = _unquote(re.split(r"\s+;|\s+--|\s#", target)[0])
    if not target.startswith("file:") and _REMOTE.match(target):
        return None
    target = re.sub(r"\[[\w,\s.-]*\]$|#.*$", "", _HERE.sub("", target))
    looks_local = "/" in target or target.startswith(".") or target.endswith(_ARCHIVES)
    return target if target and (looks_local or is_editable or is_named) else None


def _read(path: Path, shown: str, includer: str) -> str:
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        by = f", which {includer} includes," if includer else ""
        raise ValidationError(
            f"requirements file {shown!r}{by} is not among the job's files"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ValidationError(
            f"requirements file {shown!r} can't be read as text: {error}"
        ) from error


def _list_lines(text: str) -> list[str]:
    joined = re.sub(r"\\\r?\n", " ", text)
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]


def _unquote(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
