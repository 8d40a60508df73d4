"""Choosing a replica of a job."""

import time

from racetrack_commons.entities.dto import JobDto

EJECTED_SECONDS = 5


class Replicas:
    """Takes replicas in turn; one that refused a connection sits out for a while."""

    def __init__(self) -> None:
        self._turn = 0
        self._ejected: dict[str, float] = {}

    def choose(self, job: JobDto) -> str | None:
        """Return an address, or None when the job has none."""
        addresses = job.replica_internal_names or ([job.internal_name] if job.internal_name else [])
        now = time.monotonic()
        healthy = [
            address for address in addresses if self._ejected.get(address, 0) < now
        ] or addresses
        if not healthy:
            return None
        self._turn += 1
        return healthy[self._turn % len(healthy)]

    def eject(self, address: str) -> None:
        """Let an address sit out."""
        now = time.monotonic()
        self._ejected = {known: until for known, until in self._ejected.items() if until > now}
        self._ejected[address] = now + EJECTED_SECONDS
