"""Listing a directory tree without what git ignores: by git itself where it can, otherwise by reading its rules."""

import subprocess
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from racetrack_client.client.ignore_rules import IgnoreRules

_UNSEEN = frozenset({".git", "__pycache__"})
_ENVIRONMENTS = frozenset({".venv", "venv"})
_TRACKED = "H"


@dataclass(frozen=True)
class TreeListing:
    """The paths of a tree, which are files, links, or repositories inside it."""

    tracked: Collection[Path]
    """The paths that git keeps; empty where git can't be asked."""
    untracked: Collection[Path]
    """All others that are not ignored."""
    ignored: Collection[Path]
    """The paths that git ignores; directories as a whole."""


def read_tree(directory: Path, home: Path) -> TreeListing:
    """List a tree by the rules that git has for it; the directory itself may be ignored."""
    listing = _ask_git(directory) if _is_in_repository(directory) else None
    if listing is not None and directory not in listing.ignored:
        return listing
    rules = IgnoreRules.read_above(directory, home)
    return read_tree_by_rules(directory, rules.without_rules_for(directory.resolve()))


def read_tree_by_rules(directory: Path, rules: IgnoreRules) -> TreeListing:
    """List a tree by ignore rules from outside and the `.gitignore` files in it."""
    untracked: list[Path] = []
    ignored: list[Path] = []
    root = directory.resolve()
    for path, is_ignored in _walk(root, rules):
        (ignored if is_ignored else untracked).append(directory / path.relative_to(root))
    return TreeListing((), untracked, ignored)


def is_never_sent(path: Path) -> bool:
    """Return whether a path is one of git's own or a compiled module, which belongs to one machine."""
    return path.suffix == ".pyc" or not _UNSEEN.isdisjoint(path.parts)


def is_virtual_environment(directory: Path) -> bool:
    """Return whether a directory is an environment of Python, which belongs to one machine."""
    return directory.name in _ENVIRONMENTS or (directory / "pyvenv.cfg").is_file()


def _walk(directory: Path, outer: IgnoreRules) -> Iterator[tuple[Path, bool]]:
    """Yield files and links, and whether they are ignored; ignored directories are never entered."""
    rules = outer.with_rules_of(directory)
    for path in sorted(directory.iterdir()):
        is_directory = path.is_dir() and not path.is_symlink()
        if path.name in _UNSEEN:
            continue
        if rules.ignores(path, is_directory):
            yield path, True
        elif not is_directory or is_virtual_environment(path):
            yield path, False
        else:
            yield from _walk(path, rules)


def _is_in_repository(directory: Path) -> bool:
    resolved = directory.resolve()
    return any((each / ".git").exists() for each in (resolved, *resolved.parents))


def _ask_git(directory: Path) -> TreeListing | None:
    """Return git's own listing; None when git is not there or refuses, as for directories of another user."""
    # A file system monitor that the repository names would be a program of someone else.
    command = ["git", "-C", str(directory), "-c", "core.fsmonitor=false", "ls-files", "-z"]
    command += ["--others", "--exclude-standard"]
    try:
        with (
            subprocess.Popen(
                [*command, "--cached", "-t"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            ) as kept,
            subprocess.Popen(
                [*command, "--ignored", "--directory"],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            ) as left_out,
        ):
            kept_names = _read_names(kept)
            left_out_names = _read_names(left_out)
    except OSError:
        return None
    if kept.returncode or left_out.returncode:
        return None
    untracked = [Path(name[2:]) for name in kept_names if not name.startswith(_TRACKED)]
    return TreeListing(
        [directory / name[2:] for name in kept_names if name.startswith(_TRACKED)],
        [directory / name for name in _fold_environments(untracked)],
        [directory / name for name in left_out_names],
    )


def _fold_environments(names: Sequence[Path]) -> Collection[Path]:
    """Return the names with each virtual environment in place of the files in it."""
    found = {name.parent for name in names if name.name == "pyvenv.cfg"} - {Path()}
    folded: dict[Path, None] = {}
    for name in names:
        around = [each for each in name.parents if each in found or each.name in _ENVIRONMENTS]
        folded[around[-1] if around else name] = None
    return folded


def _read_names(git: "subprocess.Popen[bytes]") -> list[str]:
    output, _ = git.communicate()
    return [name for name in output.decode(errors="surrogateescape").split("\0") if name]
