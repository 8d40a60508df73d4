"""Versions of jobs, job types and plugins: parsing, ordering, wildcards.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

import re
from collections.abc import Callable, Iterable
from functools import total_ordering
from typing import TypeVar

T = TypeVar("T")

_VERSION = re.compile(r"([0-9]+)\.([0-9]+)\.([0-9]+)(.*)", re.DOTALL)
_X_PATTERN = re.compile(r"([0-9]+|x)(\.([0-9]+|x))*")
_ASTERISK_PATTERN = re.compile(r"([0-9]+|\*)(\.([0-9]+|\*))?(\.([0-9]+|\*))?(-.+)?")


@total_ordering
class SemanticVersion:
    """A version `MAJOR.MINOR.PATCH` with an optional label.

    A version with a label precedes the one without; labels compare as text.
    """

    def __init__(self, version: str) -> None:
        match = _VERSION.fullmatch(version)
        if match is None:
            raise ValueError(f"version {version!r} must look like 1.2.3 or 1.2.3-label")
        self.text = version
        self.major, self.minor, self.patch = (int(match[group]) for group in (1, 2, 3))
        self.label = match[4]

    @classmethod
    def parse(cls, text: str) -> "SemanticVersion":
        """Return the version; raises ValueError when the text does not start with three numbers."""
        return cls(text)

    @classmethod
    def find(cls, text: str) -> "SemanticVersion | None":
        """Return the version, or None when the text is not one."""
        return cls(text) if _VERSION.fullmatch(text) else None

    @property
    def is_stable(self) -> bool:
        """True if the version has no label."""
        return not self.label

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SemanticVersion) and self._key() == other._key()

    def __lt__(self, other: "SemanticVersion") -> bool:
        return self._key() < other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"SemanticVersion({self.text!r})"

    def _key(self) -> tuple[int, int, int, bool, str]:
        return self.major, self.minor, self.patch, self.is_stable, self.label


class SemanticVersionPattern:
    """A version with wildcards: `1.x` for jobs, `1.2.*` for job types."""

    def __init__(self, text: str, expression: str) -> None:
        self.text = text
        self._expression = re.compile(expression, re.DOTALL)

    @staticmethod
    def is_x_pattern(text: str) -> bool:
        """Return whether the text is a pattern such as `x`, `1.x` or `1.2.x`."""
        return "x" in text and _X_PATTERN.fullmatch(text) is not None

    @staticmethod
    def is_asterisk_pattern(text: str) -> bool:
        """Return whether the text is a pattern such as `*`, `1.*` or `1.2.3-*-slim`."""
        return "*" in text and _ASTERISK_PATTERN.fullmatch(text) is not None

    @classmethod
    def from_x_pattern(cls, text: str) -> "SemanticVersionPattern":
        """Return a pattern for stable versions: an `x` matches one number, a last `x` all numbers that follow."""
        if not cls.is_x_pattern(text):
            raise ValueError(f"{text!r} is no version pattern; write for example 1.x or 1.2.x")
        segments = text.split(".")
        if segments[-1] == "x":
            segments += ["x"] * (3 - len(segments))
        return cls(text, r"\.".join("[0-9]+" if part == "x" else part for part in segments))

    @classmethod
    def from_asterisk_pattern(cls, text: str) -> "SemanticVersionPattern":
        """Return a pattern for any version: a `*` matches one or more characters."""
        if not cls.is_asterisk_pattern(text):
            raise ValueError(f"{text!r} is no version pattern; write for example 1.* or 1.2.*")
        return cls(text, ".+".join(re.escape(part) for part in text.split("*")))

    def matches(self, version: SemanticVersion) -> bool:
        """Return whether the whole version matches."""
        return self._expression.fullmatch(version.text) is not None

    def __str__(self) -> str:
        return self.text


def is_version_pattern(text: str) -> bool:
    """Return whether a job version is a pattern such as `x`, `1.x` or `1.2.x`."""
    return SemanticVersionPattern.is_x_pattern(text)


def matches_version_pattern(pattern: str, version: SemanticVersion) -> bool:
    """Return whether a stable version matches a pattern such as `1.x`."""
    return SemanticVersionPattern.from_x_pattern(pattern).matches(version)


def find_latest(
    items: Iterable[T],
    version_of: Callable[[T], str],
    *,
    pattern: SemanticVersionPattern | None = None,
    only_stable: bool = True,
) -> T | None:
    """Return the item with the highest version, or None; items whose version can't be parsed do not count."""
    versions = [(SemanticVersion.find(version_of(item)), item) for item in items]
    fitting = [
        (version, item)
        for version, item in versions
        if version is not None
        and (version.is_stable or not only_stable)
        and (pattern is None or pattern.matches(version))
    ]
    return max(fitting, key=lambda found: found[0])[1] if fitting else None
