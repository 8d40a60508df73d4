"""Jobs as the JSON text of lists. The text of a job is made once, and kept until the job changes.

Each list reads from the database which jobs there are, with the revision of each, and takes a kept text only where the
revision is equal: whatever process changed a job, the next list shows it.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.auth import Sight
from lifecycle.domain.listed_jobs import JobRevision, Page, StoredJob, WantedJobs

_BY_TIME, _BY_NAME = attrgetter("place"), attrgetter("name", "version")
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
    place: tuple[float, str, str]
    """The place among all jobs: the last deployed first."""

    def fits(self, pins: Collection[tuple[str, str]]) -> bool:
        """Return whether the text says rightly whether the job is among the pinned ones."""
        return self.is_pinned == (bool(pins) and (self.name, self.version) in pins)

    def extend(self, fields: bytes, *, with_manifests: bool = True) -> bytes:
        """Return the text with more fields, such as `"owner_email":null`."""
        start, end = self.text[: self.manifests.start], self.text[self.manifests.stop : -1]
        manifests = self.text[self.manifests] if with_manifests else _NO_MANIFESTS
        return b"%b%b%b,%b}" % (start, manifests, end, fields)


class JobTexts:
    """The texts of jobs that were listed before; it is used from several threads."""

    def __init__(self, pub_url: str) -> None:
        self._pub_url = pub_url
        self._known: dict[str, JobText] = {}

    def list_all(self, uow: UnitOfWork, sight: Sight) -> list[JobText]:
        """List all jobs that the caller may see: the last deployed first, or by name if the caller may not see all."""
        texts = self._collect(uow, uow.job_lists.list_all(sight))
        texts.sort(key=_BY_TIME if sight.is_complete else _BY_NAME)
        return texts

    def list_page(
        self, uow: UnitOfWork, wanted: WantedJobs, sight: Sight, page: Page
    ) -> list[JobText]:
        """List the wanted jobs that the caller may see, in their order."""
        listed = uow.job_lists.list_page(wanted, sight, page)
        places = {job_id: place for place, (job_id, _) in enumerate(listed)}
        return sorted(self._collect(uow, listed), key=lambda text: places[text.id])

    def _collect(self, uow: UnitOfWork, listed: Sequence[JobRevision]) -> list[JobText]:
        """Return the texts of the listed jobs, in any order."""
        pins, known = uow.version_pins.list_all(), self._known
        found, changed = [], []
        for job_id, revision in listed:
            text = known.get(job_id)
            if text is not None and text.revision == revision and revision and text.fits(pins):
                found.append(text)
            else:
                changed.append(job_id)
        made = [_write(stored, self._pub_url, pins) for stored in uow.job_lists.read(changed)]
        self._keep(made)
        return found + made

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
        place=(-stored.updated.timestamp(), job.name, job.version),
    )
