"""A digest of everything that the installation of a job's requirements reads, and the list of these files."""

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from racetrack_client.client.requirements_files import list_local_paths, read_requirements
from racetrack_client.client.source_paths import resolve_inside

from image_builder.source.source_tree import digest_tree

_EDITABLE = re.compile(r"(-e|--editable)[\s=]+")
_FIXED_VERSION = re.compile(r"===?\s*[^\s*,;]+\s*($|[;#]|--)")
_COMMIT = re.compile(r"\.git@[0-9a-f]{40}|@[0-9a-f]{40}($|[#\s])")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EGG = re.compile(r"#egg=([A-Za-z0-9._-]+)")
_PROJECT = "pyproject.toml"
_HASH = r"--hash=[\w:]++"
_PLAIN_LINE = re.compile(
    # Possessive, because a hostile line would otherwise be tried in many ways.
    r"[ \t]*+(?:(?:-r|--requirement|-c|--constraint)[ \t=]++[\w./-]++"
    r"|[A-Za-z0-9][\w.-]*+(?:[ \t]*+\[[\w,. \t-]*+\])?(?:(?![ \t]-)[\w.,<>=!~*+;'\"() \t-])*+"
    rf"(?:[ \t]++{_HASH})*+|{_HASH})?[ \t]*+(?:\\|#.*[^\\\s][ \t]*|#[ \t]*)?",
    re.ASCII,
)


def digest_requirements(
    directory: Path, relative: str | None, variables: Iterable[str] = ()
) -> str:
    """Return a digest of what the installation reads in the job's directory; an empty text when that is nothing.

    These are the requirements file (None when there is none), the files that it includes, and settings of uv; it is
    the whole source when requirements or values of variables name something there.
    """
    files = read_requirements(directory, relative) if relative else {}
    settings = list_settings(directory)
    is_whole = _install_from_source(files) or _name_files(directory, variables)
    if not (files or settings or is_whole):
        return ""
    total = hashlib.sha256()
    for file in [*files, *settings]:
        total.update((directory / file).read_bytes() + b"\0")
    if is_whole:
        total.update(digest_tree(directory).encode())
    return total.hexdigest()


def are_plain(directory: Path, relative: str) -> bool:
    """Return whether requirements are names and versions only: then those that have wheels are installed without running code.

    Lines are compared as they are, because the job's author could hide a line from a reader that joins or skips others.
    """
    files = read_requirements(directory, relative)
    texts = ((directory / file).read_bytes().decode("utf-8-sig") for file in files)
    lines = (line for text in texts for line in re.split(r"\r\n|\r|\n", text))
    return not _install_from_source(files) and all(map(_PLAIN_LINE.fullmatch, lines))


def list_files(directory: Path, relative: str) -> list[str]:
    """Return the paths in the job's directory that the installation reads; `.` stands for the whole directory.

    Raises ValidationError when one of the files is missing or is no text.
    """
    files = read_requirements(directory, relative)
    return ["."] if _install_from_source(files) else [*files, *list_settings(directory)]


def list_moving(directory: Path, relative: str) -> list[str]:
    """List the names of requirements whose versions may differ when they are resolved another time."""
    lines = [line for each in read_requirements(directory, relative).values() for line in each]
    fixed = {get_name(line) for line in lines if _is_fixed(line)}
    candidates = [line for line in lines if _is_requirement(line) and not _is_fixed(line)]
    names = dict.fromkeys(map(get_name, candidates))
    return [name for name in names if name not in fixed]


def is_empty(directory: Path, relative: str) -> bool:
    """Return whether a requirements file exists and lists nothing."""
    path = resolve_inside(directory, relative, "requirements_path")
    return path.is_file() and not any(read_requirements(directory, relative).values())


def list_settings(directory: Path) -> list[str]:
    """List the files of a job from which uv takes settings, such as build dependencies or indexes."""
    files = [name for name in ("uv.toml",) if (directory / name).is_file()]
    return [*files, _PROJECT] if _is_about_uv(directory / _PROJECT) else files


def get_name(line: str) -> str:
    """Return a requirement's name as package indexes normalize it, or the whole line where it has none."""
    line = _EDITABLE.sub("", line, count=1)
    egg = _EGG.search(line)
    match = None if "+" in line.partition("@")[0] else _NAME.match(line)
    name = egg[1] if egg else match[0] if match else line
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_about_uv(project: Path) -> bool:
    if not project.is_file():
        return False
    try:
        return "uv" in tomllib.loads(project.read_text("utf-8")).get("tool", {})
    except (ValueError, TypeError, RecursionError):
        return True


def _install_from_source(files: Mapping[str, Sequence[str]]) -> bool:
    return any(list_local_paths(lines) for lines in files.values())


def _name_files(directory: Path, values: Iterable[str]) -> bool:
    """Return whether values of variables, such as UV_CONFIG_FILE, name something in a directory."""
    return any(_exists(directory / word) for value in values for word in value.split())


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _is_requirement(line: str) -> bool:
    return bool(_EDITABLE.match(line)) or not line.startswith("-")


def _is_fixed(line: str) -> bool:
    """Return whether a requirement means one version for ever: a version, a commit, a file."""
    if "git+" in line or "hg+" in line or "svn+" in line or "bzr+" in line:
        return bool(_COMMIT.search(line))
    return "://" in line or bool(list_local_paths([line]) or _FIXED_VERSION.search(line))
