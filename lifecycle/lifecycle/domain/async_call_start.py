"""Starts of async calls: who started a call, with which key, and the calls that a list of one's own has."""

from dataclasses import dataclass

from racetrack_commons.entities.async_calls import AsyncCallStatus


@dataclass(frozen=True)
class AsyncCallStart:
    """The circumstances in which a call was started."""

    caller: str = ""
    """The caller's name, by which calls are counted; empty for callers without a token."""
    caller_id: str = ""
    """The id of the auth subject; empty for callers without a valid token."""
    idempotency_key: str | None = None
    fingerprint: str = ""
    """The digest of what the caller sent."""


@dataclass(frozen=True)
class EarlierStart:
    """A call that a caller started before with the same key."""

    call_id: str
    fingerprint: str


@dataclass(frozen=True)
class WantedAsyncCalls:
    """The calls that a list has; a filter without a value lets all pass."""

    caller_id: str
    job_name: str = ""
    job_version: str = ""
    statuses: tuple[AsyncCallStatus, ...] = ()
