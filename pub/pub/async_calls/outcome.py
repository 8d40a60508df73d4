"""The possible outcomes of one attempt of an async call."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Answered:
    """The job gave an answer that ends the call, whatever its status."""

    status: int
    headers: dict[str, str]
    """The headers, folded by `fold`."""
    body: bytes


@dataclass(frozen=True)
class Failed:
    """The job gave no answer that ends the call."""

    error: str
    is_retriable: bool


@dataclass(frozen=True)
class Postponed:
    """The job was not called, because it or Lifecycle is not available at the moment."""

    reason: str
    seconds: float


Outcome = Answered | Failed | Postponed
