"""The watch over jobs that run but do not answer: their server has closed its port, accepts no connection, or hangs."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from lifecycle.monitor.health import AddressTaken, JobNotHealthy, JobSilent

PROBE_SECONDS = 10
FAILED_PROBES = 5
"""The number of failed probes in a row after which a replica is started again; Kubernetes has the same for jobs."""
_PROBES_AT_ONCE = 8


@dataclass(frozen=True)
class WatchedReplica:
    """One start of a replica of a serving instance."""

    instance_id: str
    start: tuple[str, float]
    """The id of its process or container, and when it was started, in UNIX seconds."""
    probe: Callable[[], None]
    """A function that returns when the replica answers `/live`, and raises JobNotHealthy when it does not."""
    is_young: bool
    """True if it may still be starting: what has never answered is waited for then."""


@dataclass(frozen=True)
class SilentReplica:
    """A replica that has not answered for too long."""

    start: tuple[str, float]
    description: str
    """A phrase for users: `did not answer …`."""


class AnswerWatch:
    """Counts the failed probes in a row of each replica."""

    def __init__(self) -> None:
        self._failures: dict[tuple[str, float], int] = {}
        self._heard: set[tuple[str, float]] = set()
        self._notices: dict[str, str] = {}

    def list_silent(self, replicas: Iterable[WatchedReplica]) -> list[SilentReplica]:
        """Probe all replicas once; list those that are to be started again. Others than the given ones are forgotten."""
        watched = list(replicas)
        self._forget_others(watched)
        with ThreadPoolExecutor(_PROBES_AT_ONCE, "probe-replicas") as pool:
            faults = list(pool.map(_find_fault, watched))
        silent = []
        for replica, fault in zip(watched, faults, strict=True):
            if self._count(replica, fault) < FAILED_PROBES:
                continue
            description = f"did not answer {FAILED_PROBES} probes of /live in a row: {fault}"
            silent.append(SilentReplica(replica.start, description))
            self._notices[replica.instance_id] = f"the job {description}; it was started again"
        return silent

    def find_notice(self, instance_id: str) -> str | None:
        """Return a text about an instance that was started again because it did not answer; None if it was not."""
        return self._notices.get(instance_id)

    def _count(self, replica: WatchedReplica, fault: str | None) -> int:
        """Note the result of a probe; return how many have failed in a row."""
        if fault is None:
            self._heard.add(replica.start)
            self._failures.pop(replica.start, None)
            return 0
        if replica.is_young and replica.start not in self._heard:
            return 0
        self._failures[replica.start] = self._failures.get(replica.start, 0) + 1
        return self._failures[replica.start]

    def _forget_others(self, watched: list[WatchedReplica]) -> None:
        starts, instances = {each.start for each in watched}, {each.instance_id for each in watched}
        self._heard &= starts
        for start in self._failures.keys() - starts:
            del self._failures[start]
        for instance_id in self._notices.keys() - instances:
            del self._notices[instance_id]


def _find_fault(replica: WatchedReplica) -> str | None:
    try:
        replica.probe()
    except (JobSilent, AddressTaken) as error:
        return str(error)
    except JobNotHealthy:
        return None  # It answers, if only with an error.
    return None
