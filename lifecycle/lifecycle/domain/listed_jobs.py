"""Lists of jobs: what is asked for, and the values by which jobs are found and sorted."""

from dataclasses import dataclass

from racetrack_client.utils.semver import SemanticVersion
from racetrack_commons.entities.dto import JobDto
from racetrack_commons.entities.list_orders import JobOrder


@dataclass(frozen=True)
class WantedJobs:
    """The jobs that a list has, and their order; a filter without values lets all jobs pass."""

    words: tuple[str, ...] = ()
    """Texts of which each must be in one of the texts that `make_search_text` gets."""
    statuses: tuple[str, ...] = ()
    job_types: tuple[str, ...] = ()
    """Job types, each with its version (`python3:3.1.0`) or without (`python3`)."""
    targets: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    """Names of job families."""
    owners: tuple[str, ...] = ()
    """E-mail addresses of manifests."""
    order: JobOrder = JobOrder.LATEST_JOB
    is_reversed: bool = False


@dataclass(frozen=True)
class StoredJob:
    """A job with what lists need beside it; its manifest is there as JSON only."""

    job: JobDto
    revision: str | None
    manifest_json: str
    owner_email: str | None


@dataclass(frozen=True)
class Page:
    """A part of a list."""

    limit: int = 0
    """The most items of the page; 0 means all."""
    offset: int = 0
    """The number of items that come before."""


def split_words(search: str) -> tuple[str, ...]:
    """Return the words of a search, in the form in which they are compared."""
    return tuple(dict.fromkeys(search.casefold().split()))


def make_search_text(*texts: str | None) -> str:
    """Return one text in which the words of a search are looked for; a word is never in two of the texts at once."""
    return "\n".join(text.casefold() for text in texts if text)


def make_version_key(version: str) -> str:
    """Return a text that sorts like the version does; texts that are no versions come before all versions."""
    parsed = SemanticVersion.find(version)
    if parsed is None:
        return ""
    numbers = (str(number) for number in (parsed.major, parsed.minor, parsed.patch))
    # The number of digits comes first, so that texts compare like numbers; "~" is behind all labels.
    key = "".join(f"{len(digits):03}{digits}" for digits in numbers)
    return f"{key}~" if parsed.is_stable else f"{key}!{parsed.label}"
