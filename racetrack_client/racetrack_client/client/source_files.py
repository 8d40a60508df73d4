"""The files of a job that are sent to the builder, and those that are left out."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from racetrack_client.client.ignore_rules import IgnoreRules, read_racetrack_ignore
from racetrack_client.client.requirements_files import list_named_files
from racetrack_client.client.source_paths import check_leads_inside, check_named_inside
from racetrack_client.client.tree_listing import (
    TreeListing,
    is_never_sent,
    is_virtual_environment,
    read_tree,
    read_tree_by_rules,
)
from racetrack_client.log.errors import ValidationError
from racetrack_client.manifest.manifest import Manifest

MAX_PACKED_BYTES = 256 * 1024 * 1024
MAX_PACKED_FILES = 10_000
ADVICE = (
    "name what the job does not need in .racetrackignore; "
    "the section on large models in docs/jobs.md says where models go"
)
_NAMING_KEYS = ("path", "paths", "file", "files", "directory")
"""The ends of keys in `jobtype_extra` whose values name files."""
_SHOWN = 5


class Reason(StrEnum):
    """The reason for which a path is left out."""

    IGNORED = "ignored by git"
    NAMED = "named in .racetrackignore"
    HELD_BACK = "a file of secret variables"
    ENVIRONMENT = "a virtual environment"
    DANGLING = "a link to nothing"
    EMPTY_SUBMODULE = "a submodule that is not checked out; run `git submodule update --init`"


@dataclass(frozen=True)
class SourceFiles:
    """The files of a job's directory that are sent, and those that are left out; the paths are relative."""

    directory: Path
    sent: Sequence[Path]
    left_out: dict[Path, Reason] = field(default_factory=dict)

    def list_sizes(self) -> list[tuple[Path, int]]:
        """List the files that are sent, with their sizes in bytes."""
        return [(path, (self.directory / path).stat().st_size) for path in self.sent]

    def describe_largest(self) -> str:
        """Return the three largest files and their sizes as text."""
        largest = sorted(self.list_sizes(), key=lambda each: -each[1])[:3]
        return ", ".join(f"{path} ({format_size(size)})" for path, size in largest)

    def describe_left_out(self) -> str:
        """Return the paths that are left out as text; empty when none is worth a word."""
        told = [str(path) for path, reason in self.left_out.items() if reason != Reason.HELD_BACK]
        more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
        return ", ".join(told[:_SHOWN]) + more


def collect_source(
    directory: Path, manifest: Manifest | None = None, home: Path | None = None
) -> SourceFiles:
    """Collect what is sent: what git would keep, and what manifest and requirements name.

    Raises ValidationError for links that lead outside, for missing requirements files, and when there are too many files.
    """
    secrets = [] if manifest is None else _list_secret_files(manifest)
    named = [] if manifest is None else _list_named(directory, manifest)
    collector = _Collector(directory, secrets, Path.home() if home is None else home)
    collector.add_tree()
    for name in named:
        collector.add_named(Path(os.path.normpath(name)))
    if len(collector.sent) > MAX_PACKED_FILES:
        raise ValidationError(_describe_crowd(directory, collector.sent))
    return SourceFiles(directory, sorted(collector.sent), dict(sorted(collector.left_out.items())))


def remove_unwanted(directory: Path, manifest: Manifest) -> None:
    """Remove from a fresh clone what its `.racetrackignore` leaves out, so that it holds what would be sent from there."""
    unwanted = read_racetrack_ignore(directory)
    named = [Path(os.path.normpath(name)) for name in _list_named(directory, manifest)]
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory)
        is_wanted = any(each != Path() and name.is_relative_to(each) for each in named)
        if not path.is_dir() and not is_wanted and unwanted.match_file(name.as_posix()):
            path.unlink()


def format_size(size_bytes: int) -> str:
    """Return a number of bytes as text, in a suitable unit."""
    if size_bytes < 1024:
        return f"{size_bytes} bytes"
    if size_bytes < 1024**2:
        return f"{size_bytes / 1024:.1f} KiB"
    return f"{size_bytes / 1024**2:.1f} MiB"


class _Collector:
    """Sorts the paths of one directory into those that are sent and those that are left out."""

    def __init__(self, directory: Path, secret_files: Sequence[str], home: Path) -> None:
        self._directory = directory
        self._root = directory.resolve()
        self._home = home
        # The manifest names secret files relative to the job's directory, perhaps with `./` or `sub/../`.
        self._secrets = {Path(os.path.normpath(name)) for name in secret_files}
        self._secret_targets = {(directory / name).resolve() for name in self._secrets}
        self._unwanted = read_racetrack_ignore(directory)
        self._checked: set[Path] = set()
        self.sent: dict[Path, None] = {}
        self.left_out: dict[Path, Reason] = {}

    def add_tree(self) -> None:
        """Add the whole directory."""
        self._add_listing(read_tree(self._directory, self._home))

    def add_named(self, name: Path) -> None:
        """Add a file or directory that the author names, even when a rule ignores it.

        An absolute name is none of these: it means a place in the job's image.
        """
        path = self._directory / name
        if name.is_absolute() or not path.exists() or name == Path():
            return
        if name in self.sent or self._is_secret(name):
            return
        check_named_inside(self._directory, name)
        if path.is_file():
            self._send(name)
        elif not any(each.is_relative_to(name) for each in self.sent):
            self._add_listing(self._read_by_rules(path), is_named=True)

    def _read_by_rules(self, path: Path) -> TreeListing:
        above = IgnoreRules.read_above(path, self._home)
        return read_tree_by_rules(path, above.without_rules_for(path.resolve()))

    def _add_listing(self, listing: TreeListing, is_named: bool = False) -> None:
        for path in listing.ignored:
            if not is_never_sent(self._relative(path)):
                self.left_out[self._relative(path)] = Reason.IGNORED
        for path in listing.tracked:
            self._add(path, is_named)
        for path in listing.untracked:
            if not is_never_sent(self._relative(path)):
                self._add(path, is_named)

    def _add(self, path: Path, is_named: bool) -> None:
        name = self._relative(path)
        if not is_named and self._unwanted.match_file(name.as_posix()):
            self.left_out[name] = Reason.NAMED
        elif self._is_secret(name):
            self.left_out[name] = Reason.HELD_BACK
        elif path.is_file():
            check_leads_inside(path, self._directory)
            self._check_parent(name)
            self._send(name)
        elif path.is_symlink() and not path.exists():
            check_leads_inside(path, self._directory)
            self.left_out[name] = Reason.DANGLING
        elif path.is_dir():
            self._add_directory(path, name)

    def _add_directory(self, path: Path, name: Path) -> None:
        """Add what a link to a directory means, or a repository inside the directory, such as a submodule."""
        check_leads_inside(path, self._directory)
        if is_virtual_environment(path):
            self.left_out[name] = Reason.ENVIRONMENT
        elif path.is_symlink():
            around = {(self._directory / each).resolve() for each in name.parents}
            if path.resolve() not in around:  # Such a link would lead round in a circle.
                self._add_listing(self._read_by_rules(path))
        elif not any(path.iterdir()):
            self.left_out[name] = Reason.EMPTY_SUBMODULE
        else:
            self._add_listing(self._read_repository(path))

    def _read_repository(self, path: Path) -> TreeListing:
        """List a repository inside the directory: beside its own rules, those around it hold for what git does not keep."""
        listing = read_tree(path, self._home)
        rules = IgnoreRules.read_above(self._root, self._home)
        hidden = {
            each for each in listing.untracked if rules.reach(self._root, self._relative(each))
        }
        untracked = [each for each in listing.untracked if each not in hidden]
        return TreeListing(listing.tracked, untracked, [*listing.ignored, *hidden])

    def _check_parent(self, name: Path) -> None:
        """Refuse a file behind a link that leads outside: git lists it when the link has taken a directory's place."""
        if name.parent not in self._checked:
            check_named_inside(self._directory, name.parent)
            self._checked.add(name.parent)

    def _send(self, name: Path) -> None:
        self.sent[name] = None
        self.left_out.pop(name, None)

    def _is_secret(self, name: Path) -> bool:
        if not self._secrets:
            return False
        return name in self._secrets or (self._directory / name).resolve() in self._secret_targets

    def _relative(self, path: Path) -> Path:
        return path.relative_to(self._directory)


def _list_secret_files(manifest: Manifest) -> list[str]:
    names = (manifest.secret_build_env_file, manifest.secret_runtime_env_file)
    return [name for name in names if name]


def _list_named(directory: Path, manifest: Manifest) -> list[str]:
    extra = manifest.get_jobtype_extra() | (manifest.docker or {})
    named = [name for key, value in extra.items() for name in _list_values(key, value)]
    requirements = extra.get("requirements_path")
    if isinstance(requirements, str) and (directory / requirements).is_file():
        named += list_named_files(directory, requirements)
    return named


def _list_values(key: str, value: Any) -> Iterator[str]:
    if key.rpartition("_")[2] in _NAMING_KEYS:
        values: Iterable[Any] = value if isinstance(value, list) else [value]
        yield from (each for each in values if isinstance(each, str) and each)


def _describe_crowd(directory: Path, sent: Iterable[Path]) -> str:
    counts: dict[str, int] = {}
    for path in sent:
        counts[path.parts[0]] = counts.get(path.parts[0], 0) + 1
    most = max(counts, key=lambda name: counts[name])
    return f"{directory} holds more than {MAX_PACKED_FILES} files, {counts[most]} of them in {most}; {ADVICE}"
