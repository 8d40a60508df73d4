"""Jobs as the JSON text of lists. The text of a job is made once, and kept until the job changes.

A list takes a kept text only where the revision is that of the database: whatever process changed a job, the next list
shows it.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.auth import Sight
from lifecycle.domain.indexed_jobs import IndexedJob
from lifecycle.domain.listed_jobs import Page, StoredJob, WantedJobs
from lifecycle.job.job_index import JobIndex, SeenJobs

_BY_NAME = attrgetter("name", "version")
_MOST_TEXTS = 50_000
_NO_MANIFESTS = b',"manifest":null,"manifest_yaml":null'


@dataclass(frozen=True, slots=True)
class JobText:
    """A job as JSON."""

    id: str
    revision: str | None
    is_pinned: bool
    name: str
    version: str
    status: str
    update_time: int
    last_call_time: int | None
    text: bytes
    """The job as `JobDto`."""
    manifests: slice
    """The place of the two manifests in the text."""
    owner: bytes
    """The owner as JSON."""
    digest: bytes

    def shows(self, job: IndexedJob, pins: Collection[tuple[str, str]]) -> bool:
        """Return whether the text shows the job as it is, and rightly whether it is among the pinned ones."""
        is_pinned = bool(pins) and (self.name, self.version) in pins
        return self.revision == job.revision is not None and self.is_pinned == is_pinned

    def extend(self, fields: bytes, *, with_manifests: bool = True) -> bytes:
        """Return the text with more fields, such as `"owner_email":null`."""
        start, end = self.text[: self.manifests.start], self.text[self.manifests.stop : -1]
        manifests = self.text[self.manifests] if with_manifests else _NO_MANIFESTS
        return b"%b%b%b,%b}" % (start, manifests, end, fields)


@dataclass(frozen=True)
class JobPage:
    """The jobs of a page."""

    jobs: list[JobText]
    total: int
    """The number of jobs on all pages."""


@dataclass(frozen=True)
class FoundJobs:
    """All jobs that a caller may see, and those of them that a search has found."""

    seen: list[JobText]
    found: list[str]
    """The ids of the found jobs, in their order."""


class JobTexts:
    """The texts of jobs that were listed before; it is used from several threads."""

    def __init__(self, pub_url: str) -> None:
        self._pub_url = pub_url
        self._index = JobIndex()
        self._known: dict[str, JobText] = {}

    def list_all(self, uow: UnitOfWork, sight: Sight) -> list[JobText]:
        """List all jobs that the caller may see: the last deployed first, or by name if the caller may not see all."""
        return self._list_all(uow, self._index.read(uow, sight), sight)

    def read_page(self, uow: UnitOfWork, wanted: WantedJobs, sight: Sight, page: Page) -> JobPage:
        """Return a page of the wanted jobs that the caller may see, in their order."""
        found = self._index.read(uow, sight).find(wanted)
        jobs = found[page.offset : page.offset + page.limit]
        return JobPage(self._collect(uow, jobs), len(found))

    def search(self, uow: UnitOfWork, wanted: WantedJobs, sight: Sight) -> FoundJobs:
        """Return the wanted jobs among all that the caller may see, both of one moment."""
        seen = self._index.read(uow, sight)
        return FoundJobs(self._list_all(uow, seen, sight), [job.id for job in seen.find(wanted)])

    def _list_all(self, uow: UnitOfWork, seen: SeenJobs, sight: Sight) -> list[JobText]:
        texts = self._collect(uow, seen.find(WantedJobs()))
        return texts if sight.is_complete else sorted(texts, key=_BY_NAME)

    def _collect(self, uow: UnitOfWork, jobs: Sequence[IndexedJob]) -> list[JobText]:
        """Return the texts of these jobs, in their order; those that are gone meanwhile are left out."""
        pins, known = uow.version_pins.list_all(), self._known
        texts = {
            job.id: text for job in jobs if (text := known.get(job.id)) and text.shows(job, pins)
        }
        changed = [job.id for job in jobs if job.id not in texts]
        made = [_write(stored, self._pub_url, pins) for stored in uow.job_lists.read(changed)]
        self._keep(made)
        texts.update((text.id, text) for text in made)
        return [texts[job.id] for job in jobs if job.id in texts]

    def _keep(self, texts: Iterable[JobText]) -> None:
        if len(self._known) > _MOST_TEXTS:
            self._known = {}  # Most are of jobs that are gone.
        self._known.update((text.id, text) for text in texts)


def _write(stored: StoredJob, pub_url: str, pins: Collection[tuple[str, str]]) -> JobText:
    job, is_pinned = stored.job, (stored.job.name, stored.job.version) in pins
    shown = {"pub_url": f"{pub_url}/job/{job.name}/{job.version}", "is_pinned": is_pinned}
    text = job.model_copy(update=shown).model_dump_json().encode()
    # In the texts of a job, quotes are escaped: only the keys themselves look like this.
    start, _, rest = text.partition(b',"manifest":null')
    manifest = b',"manifest":' + stored.manifest_json.encode()
    end = len(start) + len(manifest) + rest.index(b',"internal_name":')
    whole = start + manifest + rest
    return JobText(
        id=job.id or "",
        revision=stored.revision,
        is_pinned=is_pinned,
        name=job.name,
        version=job.version,
        status=job.status,
        update_time=job.update_time,
        last_call_time=job.last_call_time,
        text=whole,
        manifests=slice(len(start), end),
        owner=json.dumps(stored.owner_email, ensure_ascii=False).encode(),
        digest=hashlib.blake2b(whole, digest_size=16).digest(),
    )
