"""Diagnosing the pods of jobs: what keeps them from serving, in the cluster's words, and what users can do."""

from dataclasses import dataclass
from datetime import datetime

from lifecycle.infrastructure.container_end import describe_end
from lifecycle.infrastructure.kubernetes.cluster import Cluster
from lifecycle.infrastructure.kubernetes.log_lines import LogSource, read_end
from lifecycle.infrastructure.kubernetes.pods import JobPod, PodContainer, Setback

_EVIDENCE_LINES = 20
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


class PodDiagnostician:
    """Examines pods; asks the cluster for logs and events only when there is a fault."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

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
        evidence = read_end(self._cluster, LogSource(pod, container), _EVIDENCE_LINES)
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
        warnings = self._cluster.list_warnings(pod.name)
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
