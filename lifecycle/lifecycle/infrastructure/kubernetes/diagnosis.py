"""Diagnosing the pods of jobs: what keeps them from serving, in the cluster's words, and what users can do."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from racetrack_client.log.logs import get_logger
from racetrack_commons.clock import Clock

from lifecycle.infrastructure.container_end import describe_end
from lifecycle.infrastructure.kubernetes.cluster import (
    Cluster,
    ClusterRefusal,
    ClusterUnavailable,
)
from lifecycle.infrastructure.kubernetes.log_lines import LogSource, read_end
from lifecycle.infrastructure.kubernetes.pods import JobPod, PodContainer, Setback

logger = get_logger(__name__)
_EVIDENCE_LINES = 20
_DETAILS_OF_PASS = 5
"""The number of details that one look at all jobs may ask for: a look has to be short, also when many jobs fail."""
_PAUSE_SECONDS = 30
"""Seconds without further questions after one that was not answered, such as one about a pod whose node is away."""
_CRASHED = {"CrashLoopBackOff", "RunContainerError"}
_NO_IMAGE = {"ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"}
_NOT_CREATED = {"CreateContainerConfigError", "CreateContainerError"}


@dataclass(frozen=True)
class Fault:
    """A reason why a replica does not serve."""

    cause: str
    hint: str = ""
    evidence: str = ""
    """The last lines of the container's log."""
    since: datetime | None = None
    """The time since which the cluster waits for something that may yet come; None when waiting does not help."""

    def __str__(self) -> str:
        evidence = f"\nIts last log lines:\n{self.evidence}" if self.evidence else ""
        hint = f"\nHint: {self.hint}" if self.hint else ""
        return f"{self.cause}{evidence}{hint}"


class FaultDetails(Protocol):
    """The words of the cluster about a fault, for which it is asked."""

    def read_end(self, pod: JobPod, container: PodContainer) -> str:
        """Return the last lines that a container wrote before its end."""

    def list_warnings(self, pod: JobPod, container: PodContainer) -> list[str]:
        """List what the cluster warns of about the pod of a container that waits, the oldest first."""


class AskedDetails:
    """Details that the cluster is asked for each time."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def read_end(self, pod: JobPod, container: PodContainer) -> str:
        """Ask for the end of the log."""
        return read_end(self._cluster, LogSource(pod, container), _EVIDENCE_LINES)

    def list_warnings(self, pod: JobPod, container: PodContainer) -> list[str]:  # noqa: ARG002 - the protocol's
        """Ask for the events."""
        return self._cluster.list_warnings(pod.name)


class RememberedDetails:
    """Details that are asked for once for each end and each kind of waiting, and only a few in each look at all pods.

    What is left out of one look follows in the next; one thread uses it. The cluster should be one of a short timeout.
    """

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._asked = AskedDetails(cluster)
        self._clock = clock
        self._known: dict[tuple[str, str, int, str], list[str]] = {}
        self._left = _DETAILS_OF_PASS
        self._rests_until = 0.0

    def begin_pass(self, pods: Iterable[JobPod]) -> None:
        """Begin a look at these pods; details of others are forgotten."""
        names = {pod.name for pod in pods}
        self._known = {key: found for key, found in self._known.items() if key[0] in names}
        self._left = _DETAILS_OF_PASS

    def read_end(self, pod: JobPod, container: PodContainer) -> str:
        """Return the end of the log as it was at the container's last end; perhaps nothing yet."""
        key = (pod.name, container.name, container.restarts, "end")
        return "".join(self._recall(key, lambda: [self._asked.read_end(pod, container)]))

    def list_warnings(self, pod: JobPod, container: PodContainer) -> list[str]:
        """Return the warnings when the container began to wait; perhaps none yet."""
        key = (pod.name, container.name, container.restarts, container.waits_for)
        return self._recall(key, lambda: self._asked.list_warnings(pod, container))

    def _recall(self, key: tuple[str, str, int, str], ask: Callable[[], list[str]]) -> list[str]:
        if key in self._known:
            return self._known[key]
        if not self._left or self._clock.monotonic() < self._rests_until:
            return []
        self._left -= 1
        try:
            self._known[key] = ask()
        except (ClusterRefusal, ClusterUnavailable) as error:
            logger.debug(f"the cluster does not explain the fault of pod {key[0]}: {error}")
            self._rests_until = self._clock.monotonic() + _PAUSE_SECONDS
            return []
        return self._known[key]


class PodDiagnostician:
    """Examines pods; asks for details only when there is a fault."""

    def __init__(self, details: FaultDetails) -> None:
        self._details = details

    def find_fault(self, pod: JobPod) -> Fault | None:
        """Return what keeps a pod from serving; None when it serves, or may only need time to start."""
        if pod.eviction:
            return Fault(f"the cluster ended the job's pod: {pod.eviction}")
        if pod.unscheduled:
            return _describe_unscheduled(pod.unscheduled)
        faults = (self._find_fault_of_container(pod, each) for each in pod.containers)
        return next((fault for fault in faults if fault), None)

    def describe_crash(self, pod: JobPod, container: PodContainer) -> Fault:
        """Return how a container ended, with the last lines before its end."""
        end = container.last_end
        cause = describe_end(end, container.memory_bytes) if end else f"ended: {container.message}"
        again = f"; it was started again {container.restarts} times" if container.restarts else ""
        evidence = self._details.read_end(pod, container)
        return Fault(f"the job {cause}{again}", evidence=evidence)

    def _find_fault_of_container(self, pod: JobPod, container: PodContainer) -> Fault | None:
        if container.waits_for in _NO_IMAGE:
            return self._describe_missing_image(pod, container)
        if container.waits_for in _NOT_CREATED:
            what = container.message or container.waits_for
            return Fault(f"the cluster can't make the job's container: {what}")
        has_ended = container.last_end is not None and not container.is_running
        if container.waits_for in _CRASHED or has_ended:
            return self.describe_crash(pod, container)
        return None

    def _describe_missing_image(self, pod: JobPod, container: PodContainer) -> Fault:
        warnings = self._details.list_warnings(pod, container)
        pulls = [text for text in warnings if container.image in text]
        words = (pulls or warnings or [container.message])[-1]
        return Fault(
            f"the cluster can't pull the job's image {container.image}: {words}",
            hint=(
                "check DOCKER_REGISTRY, and KUBERNETES_IMAGE_PULL_SECRETS where the registry asks for a password"
            ),
        )


def describe_quota(setback: Setback) -> Fault:
    """Return the fault of a Deployment whose pods the cluster refuses to make: a quota, or a rule of admission."""
    return Fault(
        f"the cluster refuses the job's pod: {setback.message}",
        hint="lower `resources` in job.yaml, delete jobs, or ask the cluster's administrator for more",
        since=setback.since,
    )


def _describe_unscheduled(setback: Setback) -> Fault:
    return Fault(
        f"no node of the cluster takes the job: {setback.message}",
        hint="lower `resources` in job.yaml, or give the cluster nodes that fit",
        since=setback.since,
    )
