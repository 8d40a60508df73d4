"""The amount of one kind that is stored."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StoredAmount:
    """A number of stored things, and the bytes that they take."""

    count: int
    size_bytes: int
