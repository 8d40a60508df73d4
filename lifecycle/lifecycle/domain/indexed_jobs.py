"""Jobs as lists find and sort them, and what changed among jobs since an earlier reading."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from racetrack_commons.entities.dto import JobDto

NameKey = tuple[str, bytes, str]
"""A value that sorts jobs by name, the highest version of a family first; no two jobs have the same one."""


@dataclass(frozen=True, slots=True)
class IndexedJob:
    """The values of a job by which lists find and sort it."""

    id: str
    revision: str | None
    """A text that differs after each change of the job."""
    name: str
    version: str
    version_key: str
    """A text that sorts like the version does."""
    status: str
    job_type: str
    target: str | None
    owner: str
    search_text: str
    updated: float
    """When the job was last deployed, in UNIX seconds."""
    name_key: NameKey = field(init=False)

    def __post_init__(self) -> None:
        """Derive the key once: lists compare it often."""
        object.__setattr__(self, "name_key", (self.name, _descend(self.version_key), self.id))


@dataclass(frozen=True)
class JobChanges:
    """The jobs that changed since an earlier reading; the deleted ones are only missing in the total."""

    changed: tuple[IndexedJob, ...]
    total: int
    """The number of all jobs."""
    next_number: int
    """The number of the first change that may not be among these yet."""


@dataclass(frozen=True)
class JobStateChanges:
    """The states of the jobs that changed since an earlier reading; the deleted ones are only missing in the total."""

    changed: Sequence[JobDto]
    total: int
    """The number of all jobs."""
    next_number: int
    """The number of the first change that may not be among these yet."""


def _descend(text: str) -> bytes:
    """Return a value that sorts the other way round than the text."""
    # No byte of UTF-8 is 255: what ends here comes after everything that goes on.
    return bytes(255 - byte for byte in text.encode()) + b"\xff"
