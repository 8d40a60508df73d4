"""Gateways that claim async calls."""

from dataclasses import dataclass
from datetime import datetime

from racetrack_client.log.errors import AlreadyExists


class AsyncCallTaken(AlreadyExists):
    """The call has ended, or another gateway runs it: whoever held it must not write any more."""


@dataclass(frozen=True)
class Claimant:
    """A gateway that wants to run calls."""

    holder: str
    expires_at: datetime
