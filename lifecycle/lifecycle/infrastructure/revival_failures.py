"""The failed attempts of keepers to bring instances back, and the pauses before the next ones."""

from collections.abc import Iterable
from dataclasses import dataclass, field

_FIRST_PAUSE_SECONDS = 2
_LONGEST_PAUSE_SECONDS = 60


@dataclass(frozen=True)
class RevivalFailure:
    """The failed attempts to bring an instance back."""

    reason: str
    attempts: int
    retry_at: float


@dataclass
class RevivalFailures:
    """The failures by instance; the monitor shows their reasons at the jobs. Times are those of a monotonic clock."""

    of_instances: dict[str, RevivalFailure] = field(default_factory=dict)

    def find_reason(self, instance_id: str) -> str | None:
        """Return the reason why an instance is not back; None when there was no failure."""
        failure = self.of_instances.get(instance_id)
        return failure.reason if failure else None

    def is_due(self, instance_id: str, now: float) -> bool:
        """Return whether the next attempt may begin."""
        failure = self.of_instances.get(instance_id)
        return failure is None or now >= failure.retry_at

    def note(self, instance_id: str, reason: str, now: float) -> None:
        """Count a failure: the pause before the next attempt doubles, up to a minute."""
        former = self.of_instances.get(instance_id)
        attempts = former.attempts + 1 if former else 1
        pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(attempts, 10))
        self.of_instances[instance_id] = RevivalFailure(reason, attempts, now + pause)

    def forget(self, instance_id: str) -> None:
        """Forget the failures of an instance that is back."""
        self.of_instances.pop(instance_id, None)

    def forget_others(self, instance_ids: Iterable[str]) -> None:
        """Forget the failures of all instances but these."""
        for instance_id in self.of_instances.keys() - set(instance_ids):
            self.of_instances.pop(instance_id, None)
