"""The monitor of the target `kubernetes`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import JobDto, JobStatus
from racetrack_commons.redaction import SecretRedactor

from lifecycle.config import BuiltInTarget, Config
from lifecycle.domain.instance import JobInstance
from lifecycle.infrastructure.built_in_monitor import BuiltInMonitor
from lifecycle.infrastructure.container_end import describe_end
from lifecycle.infrastructure.kubernetes.cluster import Labels
from lifecycle.infrastructure.kubernetes.deployer import KubernetesDeployer
from lifecycle.infrastructure.kubernetes.diagnosis import PodDiagnostician, RememberedDetails
from lifecycle.infrastructure.kubernetes.identity import (
    KubernetesLabel,
    make_job_labels,
    make_platform_labels,
)
from lifecycle.infrastructure.kubernetes.log_lines import (
    LogSource,
    list_sources,
    read_merged,
    read_merged_since,
)
from lifecycle.infrastructure.kubernetes.pod_watch import PodWatch
from lifecycle.infrastructure.kubernetes.pods import JobPod, choose_present, group_by_instance
from lifecycle.infrastructure.revival_failures import RevivalFailures

_MOST_ASKED_AT_ONCE = 50
_PodsOfInstances = dict[str, list[JobPod]]


@dataclass(frozen=True, slots=True)
class _SteadyJob:
    """A job that serves, and what it was described from; without a change of that, its description stays right."""

    instance: JobInstance
    pods: list[JobPod]
    job: JobDto

    def is_of(self, instance: JobInstance, pods: list[JobPod]) -> bool:
        return self.pods == pods and self.instance == instance


class KubernetesMonitor(BuiltInMonitor):
    """Observes the pods of serving instances; the nodes probe them, so no job is asked from here.

    The times of last calls come from PUB.
    """

    target = BuiltInTarget.KUBERNETES

    def __init__(
        self,
        deployer: KubernetesDeployer,
        pods: PodWatch,
        details: RememberedDetails,
        failures: RevivalFailures,
        clock: Clock,
    ) -> None:
        self._deployer = deployer
        self._pods = pods
        self._details = details
        self._diagnostician = PodDiagnostician(details)
        self._failures = failures
        self._clock = clock
        self._confirmed: set[str] = set()
        """The ids of instances that the cluster has confirmed to have no pod."""
        self._shown: dict[str, tuple[str, str]] = {}
        """The last problem of each instance, and its text without secrets."""
        self._steady: dict[str, _SteadyJob] = {}
        """The jobs that served without a fault at the last look, by the ids of their instances."""
        self._longest_start = timedelta(seconds=deployer.config.timeout_until_job_ready)

    def list_jobs(self, config: Config) -> Iterable[JobDto]:  # noqa: ARG002 - the port's signature
        """List the jobs that have a serving instance, in their present state, and the orphaned ones.

        A job without any pod is left out, because it is lost; but if the keeper has failed to
        bring it back, it is listed as lost with the reason.
        """
        # The pods are read before the rows, so each pod that is found has its row already.
        pods = choose_present(self._pods.list_pods())
        self._details.begin_pass(pods)
        with self._deployer.uow.reading() as uow:
            serving = uow.instances.list_serving(BuiltInTarget.KUBERNETES)
            known_ids = uow.instances.list_ids()
            known_jobs = uow.jobs.list_names()
        of_instances = group_by_instance(pods)
        of_instances |= self._look_for({one.id for one in serving} - of_instances.keys())
        self._shown = {one.id: self._shown[one.id] for one in serving if one.id in self._shown}
        jobs = [self._observe(instance, of_instances.get(instance.id, [])) for instance in serving]
        self._steady = {one.id: self._steady[one.id] for one in serving if one.id in self._steady}
        return [job for job in jobs if job is not None] + [
            self._describe_orphaned(of_instances[instance_id][0])
            for instance_id in sorted(of_instances.keys() - known_ids)
            if _job_of(of_instances[instance_id][0]) not in known_jobs
        ]

    def watch_jobs(self, on_change: Callable[[], None]) -> None:
        """Keep a copy of the pods from now on, and call `on_change` when one has changed."""
        self._pods.start(on_change)

    def stop_watching(self) -> None:
        """Forget the copy, and end its thread."""
        self._pods.stop()

    def read_recent_logs(self, job: JobDto, tail: int = 20) -> str:
        """Return the last `tail` lines of all containers of the job, in the order of time."""
        lines = read_merged(self._deployer.cluster, self.list_log_sources(job), tail)
        return "".join(f"{line}\n" for line in lines)

    def read_logs_since(self, job: JobDto, since: datetime, tail: int) -> str:
        """Return the last `tail` lines since a time of all containers of the job, in the order of time."""
        sources = self.list_log_sources(job)
        lines = read_merged_since(self._deployer.cluster, sources, since, tail)
        return "".join(f"{line}\n" for line in lines)

    def list_log_sources(self, job: JobDto) -> list[LogSource]:
        """List the containers of the job's serving instance, or else of its newest; raise EntityNotFound if it has none."""
        platform = self._deployer.config.platform_name
        pods = self._deployer.list_pods(make_job_labels(platform, job.name, job.version))
        if not pods:
            raise EntityNotFound(f"{job} has no log: there is no pod of it")
        with self._deployer.uow.reading() as uow:
            serving = uow.instances.find_serving_id(job.name, job.version)
        newest = max(pods, key=lambda pod: pod.created).replica.instance_id
        present = {pod.replica.instance_id for pod in pods}
        wanted = serving if serving in present and job.status != JobStatus.STARTING else newest
        return list_sources(pod for pod in pods if pod.replica.instance_id == wanted)

    def _look_for(self, missing: set[str]) -> _PodsOfInstances:
        """Return the pods of instances that the copy lacks: it may be a moment behind the database."""
        unsure = missing - self._confirmed
        self._confirmed &= missing
        if not unsure or not self._pods.is_started:
            return {}
        labels: Labels = make_platform_labels(self._deployer.config.platform_name)
        if len(unsure) <= _MOST_ASKED_AT_ONCE:
            labels = {**labels, KubernetesLabel.INSTANCE: sorted(unsure)}
        found = group_by_instance(self._deployer.list_pods(labels))
        self._confirmed |= unsure - found.keys()
        return {instance_id: found[instance_id] for instance_id in unsure & found.keys()}

    def _observe(self, instance: JobInstance, pods: list[JobPod]) -> JobDto | None:
        known = self._steady.pop(instance.id, None)
        if known is None or not known.is_of(instance, pods):
            job = self._describe_present(instance, pods) if pods else self._find_lost(instance)
            if job is None or job.status != JobStatus.RUNNING:
                return job
            known = _SteadyJob(instance, pods, job)
        self._steady[instance.id] = known
        return known.job

    def _find_lost(self, instance: JobInstance) -> JobDto | None:
        reason = self._failures.find_reason(instance.id)
        return self._describe_lost(instance, reason) if reason else None

    def _describe_present(self, instance: JobInstance, pods: list[JobPod]) -> JobDto:
        problem = self._find_problem(pods)
        is_starting = problem is None and not all(pod.is_ready for pod in pods)
        observed = {
            "status": _choose_status(problem, is_starting),
            "error": self._redact(instance, problem) if problem else None,
            "notice": "the job is not ready yet" if is_starting else _find_notice(pods),
            "internal_name": instance.internal_name,
            "replica_internal_names": instance.replica_internal_names,
            "infrastructure_stats": {
                "number_of_restarts": sum(pod.restarts for pod in pods),
                "memory_limit_bytes": sum(
                    each.memory_bytes for pod in pods for each in pod.containers
                ),
            },
        }
        return self._describe(instance).model_copy(update=observed)

    def _describe(self, instance: JobInstance) -> JobDto:
        created = int(instance.create_time.timestamp())
        return self.describe_running(instance.job_name, instance.job_version, created)

    def _describe_lost(self, instance: JobInstance, reason: str) -> JobDto:
        observed = {
            "status": JobStatus.LOST,
            "error": f"the job's pods are gone, and can't be made again: {reason}",
            "internal_name": instance.internal_name,
            "replica_internal_names": instance.replica_internal_names,
        }
        return self._describe(instance).model_copy(update=observed)

    def _find_problem(self, pods: list[JobPod]) -> str | None:
        for pod in pods:
            if fault := self._diagnostician.find_fault(pod):
                return str(fault)
            age = self._clock.now() - pod.main.started_at
            if pod.main.is_running and not pod.is_ready and age > self._longest_start:
                return "the job is not ready"
        present, expected = {pod.replica.replica for pod in pods}, pods[0].replica.replicas
        if len(present) < expected:
            return f"{expected - len(present)} of {expected} replicas of the job are missing"
        return None

    def _redact(self, instance: JobInstance, problem: str) -> str:
        known = self._shown.get(instance.id)
        if known is None or known[0] != problem:
            known = (problem, self._make_mask(instance).redact(problem))
            self._shown[instance.id] = known
        return known[1]

    def _make_mask(self, instance: JobInstance) -> SecretRedactor:
        try:
            secrets = self._deployer.get_job_secrets(instance.job_name, instance.job_version)
        except EntityNotFound:
            return SecretRedactor([])
        return secrets.mask()

    def _describe_orphaned(self, pod: JobPod) -> JobDto:
        created = int(pod.created.timestamp())
        job = self.describe_running(*_job_of(pod), created)
        address = self._deployer.name_address(pod.replica)
        return job.model_copy(update={"status": JobStatus.ORPHANED, "internal_name": address})


def _choose_status(problem: str | None, is_starting: bool) -> JobStatus:
    if problem:
        return JobStatus.ERROR
    return JobStatus.STARTING if is_starting else JobStatus.RUNNING


def _find_notice(pods: list[JobPod]) -> str | None:
    """Return a text about the last restart; None when there was none."""
    restarts = sum(pod.restarts for pod in pods)
    if not restarts:
        return None
    ended = [each for pod in pods for each in pod.containers if each.restarts and each.last_end]
    causes = (describe_end(each.last_end, each.memory_bytes) for each in ended if each.last_end)
    cause = next((f"; the last time it {each}" for each in causes), "")
    return f"the job was started again {restarts} times{cause}"


def _job_of(pod: JobPod) -> tuple[str, str]:
    return pod.replica.job_name, pod.replica.job_version
