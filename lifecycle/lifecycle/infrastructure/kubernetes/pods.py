"""The pods of jobs, as the cluster describes them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from racetrack_client.utils.quantity import Quantity

from lifecycle.infrastructure.container_end import ContainerEnd
from lifecycle.infrastructure.kubernetes.identity import ReplicaIdentity, find_identity
from lifecycle.infrastructure.kubernetes.workload import MAIN_CONTAINER

_OUT_OF_MEMORY = "OOMKilled"
_NEVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PodContainer:
    """One container of a pod."""

    name: str
    image: str
    memory_bytes: int
    """Its memory limit; 0 when it has none."""
    is_running: bool = False
    is_ready: bool = False
    restarts: int = 0
    started_at: datetime = _NEVER
    """The time of its present start; in the year 1 while it does not run."""
    waits_for: str = ""
    """The cluster's word for what keeps it from running, such as `ImagePullBackOff`; empty when it runs or has ended."""
    message: str = ""
    """The cluster's explanation of that word."""
    last_end: ContainerEnd | None = None
    """Its end, or that before its present start; None when it has never ended."""

    @property
    def index(self) -> int:
        """The number of the container within its replica; container 0 answers calls."""
        return int(self.name.removeprefix(MAIN_CONTAINER).lstrip("-") or 0)


@dataclass(frozen=True)
class Setback:
    """A condition that keeps the cluster from doing what it should."""

    message: str
    since: datetime


@dataclass(frozen=True, slots=True)
class JobPod:
    """A pod that runs one replica, or is to run it."""

    name: str
    replica: ReplicaIdentity
    created: datetime
    is_ending: bool
    """True if it was asked to end, or has ended for good."""
    has_ended: bool
    """True if its containers have ended for good. Nodes may take a minute longer to remove the pod itself."""
    is_ready: bool
    """True if all its containers are ready for calls."""
    eviction: str
    """The cluster's reason for ending the pod, such as a node without memory; empty when it has not."""
    unscheduled: Setback | None
    """The reason why no node runs it; None when one does."""
    containers: list[PodContainer]

    @property
    def main(self) -> PodContainer:
        """The container that answers calls."""
        return self.containers[0]

    @property
    def restarts(self) -> int:
        """The number of times that its containers were started again."""
        return sum(container.restarts for container in self.containers)

    @classmethod
    def parse(cls, found: dict[str, Any]) -> Self | None:
        """Return the pod that the cluster describes; None when its labels are damaged."""
        replica = find_identity(found)
        if replica is None:
            return None
        status, metadata = found.get("status") or {}, found["metadata"]
        conditions = {one["type"]: one for one in status.get("conditions") or []}
        is_over = status.get("phase") in {"Failed", "Succeeded"}
        is_deleted = "deletionTimestamp" in metadata
        return cls(
            name=metadata["name"],
            replica=replica,
            created=parse_time(metadata.get("creationTimestamp")),
            is_ending=is_deleted or is_over,
            has_ended=is_over or (is_deleted and _have_containers_ended(status)),
            is_ready=conditions.get("Ready", {}).get("status") == "True",
            eviction=status.get("message", status.get("reason", "")) if is_over else "",
            unscheduled=find_setback(conditions.get("PodScheduled"), "False"),
            containers=_parse_containers(found["spec"], status),
        )


def choose_present(pods: Iterable[JobPod | None]) -> list[JobPod]:
    """Return the pods that are not ending, replica by replica."""
    present = [pod for pod in pods if pod and (pod.eviction or not pod.is_ending)]
    return sorted(present, key=lambda pod: (pod.replica.replica, pod.created))


def group_by_instance(pods: Iterable[JobPod]) -> dict[str, list[JobPod]]:
    """Return the pods of each instance, by its id."""
    groups: dict[str, list[JobPod]] = {}
    for pod in pods:
        groups.setdefault(pod.replica.instance_id, []).append(pod)
    return groups


def parse_time(text: str | None) -> datetime:
    """Return the time that the cluster wrote; the year 1 when there is none."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else _NEVER


def find_setback(condition: dict[str, Any] | None, bad_status: str) -> Setback | None:
    """Return the setback that a condition reports, if its status is the bad one and it has words."""
    if condition is None or condition["status"] != bad_status or not condition.get("message"):
        return None
    return Setback(condition["message"], parse_time(condition.get("lastTransitionTime")))


def _have_containers_ended(status: dict[str, Any]) -> bool:
    """Return whether the containers of a deleted pod, which are not started again, have run and ended.

    Nodes may forget a container before they tell of its end: then it is said to wait, as before its start.
    """
    statuses = status.get("containerStatuses") or []
    has_run = status.get("phase") == "Running"
    return has_run and not any("running" in (one.get("state") or {}) for one in statuses)


def _parse_containers(spec: dict[str, Any], status: dict[str, Any]) -> list[PodContainer]:
    statuses = {one["name"]: one for one in status.get("containerStatuses") or []}
    containers = [
        _parse_container(one, statuses.get(one["name"], {})) for one in spec["containers"]
    ]
    return sorted(containers, key=lambda one: one.index)


def _parse_container(wanted: dict[str, Any], status: dict[str, Any]) -> PodContainer:
    state, former = status.get("state") or {}, status.get("lastState") or {}
    waiting, running = state.get("waiting") or {}, state.get("running")
    end = state.get("terminated") or former.get("terminated")
    limits = (wanted.get("resources") or {}).get("limits") or {}
    return PodContainer(
        name=wanted["name"],
        image=wanted["image"],
        memory_bytes=int(Quantity(limits.get("memory", "0")).plain_number),
        is_running=running is not None,
        is_ready=bool(status.get("ready")),
        restarts=status.get("restartCount", 0),
        started_at=parse_time((running or {}).get("startedAt")),
        waits_for=waiting.get("reason", ""),
        message=waiting.get("message", ""),
        last_end=_parse_end(end) if end else None,
    )


def _parse_end(end: dict[str, Any]) -> ContainerEnd:
    reason = end.get("reason", "")
    could_not_start = reason in {"ContainerCannotRun", "StartError"}
    start_error = end.get("message", reason) if could_not_start else ""
    return ContainerEnd(end["exitCode"], reason == _OUT_OF_MEMORY, start_error)
