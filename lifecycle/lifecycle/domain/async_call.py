"""Values about the leases under which gateways run async calls."""

from dataclasses import dataclass
from datetime import datetime

from racetrack_client.log.errors import AlreadyExists


class AsyncCallTaken(AlreadyExists):
    """The call has ended, or another gateway runs it: its former holder must not write to it any more."""


@dataclass(frozen=True)
class Claimant:
    """A gateway that claims calls, and when its lease expires."""

    holder: str
    expires_at: datetime
