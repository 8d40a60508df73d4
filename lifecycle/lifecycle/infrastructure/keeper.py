"""The port through which the Supervisor looks after what runs on a target."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Chore:
    """Something to do again and again."""

    name: str
    interval_seconds: float
    run: Callable[[], object]


class TargetKeeper(ABC):
    """Keeps the instances of a target running; one Supervisor calls it."""

    @abstractmethod
    def list_chores(self) -> list[Chore]:
        """List what has to be done; a chore that raises is logged and done again."""

    @abstractmethod
    def stop_all(self) -> None:
        """End everything that runs; what should run comes back when the chores are done again."""
