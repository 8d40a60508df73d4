"""What an attempt of an async call may lead to."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Answered:
    """The job answered, whatever it was."""

    status: int
    headers: dict[str, str]
    """Folded."""
    body: bytes


@dataclass(frozen=True)
class Failed:
    """The job gave no answer that counts."""

    error: str
    is_retriable: bool


@dataclass(frozen=True)
class Postponed:
    """The job was not asked, because that could not have gone well now."""

    reason: str
    seconds: float


Outcome = Answered | Failed | Postponed
