"""The rules by which files are left out: those of git, read without git, and those of `.racetrackignore`."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec, Pattern

RACETRACK_IGNORE_FILE = ".racetrackignore"
_EXCLUDES_FILE = re.compile(
    r"^\s*excludesfile\s*=\s*\"?([^\"\n]+?)\"?\s*$", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True)
class IgnoreFile:
    """The patterns of one file, which hold below `base`."""

    base: Path
    spec: GitIgnoreSpec

    def find_verdict(self, path: Path, is_directory: bool) -> bool | None:
        """Return whether the last matching pattern ignores the path; None when no pattern matches it."""
        if not path.is_relative_to(self.base):
            return None
        verdict = self.spec.check_file(_name_in(self.base, path, is_directory)).include
        return None if verdict is None else bool(verdict)

    def without_patterns_for(self, directory: Path) -> "IgnoreFile":
        """Return the file without those patterns that ignore this directory or one around it."""
        if not directory.is_relative_to(self.base) or directory == self.base:
            return self
        name = _name_in(self.base, directory, is_directory=True)
        kept = [each for each in self.spec.patterns if not _ignores(each, name)]
        return IgnoreFile(self.base, GitIgnoreSpec(kept))


def _ignores(pattern: Pattern, name: str) -> bool:
    return bool(pattern.include) and pattern.match_file(name) is not None


@dataclass(frozen=True)
class IgnoreRules:
    """Git's ignore files, the weakest first; the file nearest to a path decides about it, as in git."""

    files: Sequence[IgnoreFile]

    @classmethod
    def read_above(cls, directory: Path, home: Path) -> "IgnoreRules":
        """Read the rules that come from outside the directory: of the user, of the repository, of its directories above."""
        directory = directory.resolve()
        around = [directory, *directory.parents]
        top = next((each for each in around if (each / ".git").exists()), None)
        files = [_read(directory if top is None else top, path) for path in _list_user_files(home)]
        if top is not None:
            files.append(_read(top, top / ".git/info/exclude"))
            above = reversed(around[1 : around.index(top) + 1])
            files += [_read(each, each / ".gitignore") for each in above]
        return cls([each for each in files if each is not None])

    def with_rules_of(self, directory: Path) -> "IgnoreRules":
        """Return the rules together with those in the directory's own `.gitignore`."""
        found = _read(directory, directory / ".gitignore")
        return self if found is None else IgnoreRules([*self.files, found])

    def without_rules_for(self, directory: Path) -> "IgnoreRules":
        """Return the rules without those patterns that ignore the directory as a whole."""
        return IgnoreRules([each.without_patterns_for(directory) for each in self.files])

    def ignores(self, path: Path, is_directory: bool) -> bool:
        """Return whether git leaves out this path, whose parent directories it does not leave out."""
        verdicts = (each.find_verdict(path, is_directory) for each in reversed(self.files))
        return next((verdict for verdict in verdicts if verdict is not None), False)

    def reach(self, root: Path, name: Path) -> bool:
        """Return whether these rules, or the ignore files on the way from the root, leave out the path or a part of it."""
        rules, around = self, root
        for part in name.parts:
            rules = rules.with_rules_of(around)
            around = around / part
            if rules.ignores(around, around != root / name):
                return True
        return False


def read_racetrack_ignore(directory: Path) -> GitIgnoreSpec:
    """Return the patterns of a directory's `.racetrackignore`; `-` before a pattern leaves out, `+` or `!` takes in again."""
    file = directory / RACETRACK_IGNORE_FILE
    lines = file.read_text("utf-8-sig", errors="replace").splitlines() if file.is_file() else []
    return GitIgnoreSpec.from_lines(_translate_signs(lines))


def _translate_signs(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        sign, pattern = line[:1], line[1:]
        yield {"-": pattern, "+": f"!{pattern}"}.get(sign, line)


def _list_user_files(home: Path) -> list[Path]:
    """List the user's global ignore files: `core.excludesFile`, or the place where git looks without it."""
    configs = (home / ".config/git/config", home / ".gitconfig")
    texts = [path.read_text(errors="replace") for path in configs if path.is_file()]
    named = [name for text in texts for name in _EXCLUDES_FILE.findall(text)]
    chosen = named[-1] if named else "~/.config/git/ignore"
    return [home / chosen.removeprefix("~/")]


def _read(base: Path, file: Path) -> IgnoreFile | None:
    if not file.is_file():
        return None
    lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    return IgnoreFile(base, GitIgnoreSpec.from_lines(lines))


def _name_in(base: Path, path: Path, is_directory: bool) -> str:
    return path.relative_to(base).as_posix() + ("/" if is_directory else "")
