"""Amounts that are stored, as quotas count them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StoredAmount:
    """A number of stored things, and the bytes that they take."""

    count: int
    size_bytes: int


@dataclass(frozen=True)
class KeptCallsUse:
    """The kept async calls of a job, of a caller, and of all, with the bytes of their bodies."""

    of_job: StoredAmount
    of_caller: StoredAmount
    of_all: StoredAmount
