"""The keeper of the target `kubernetes`, for all that the cluster's own controllers do not cover."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from racetrack_client.log.logs import get_logger
from racetrack_commons.clock import Clock

from lifecycle.config import BuiltInTarget
from lifecycle.deployer.instances import InstanceNotStarted
from lifecycle.domain.instance import JobInstance
from lifecycle.infrastructure.kubernetes.cluster import (
    DEPLOYMENT,
    SERVICE,
    ClusterRefusal,
    ClusterUnavailable,
    Labels,
    ObjectKind,
)
from lifecycle.infrastructure.kubernetes.deployer import KubernetesDeployer
from lifecycle.infrastructure.kubernetes.identity import (
    KubernetesLabel,
    ReplicaIdentity,
    find_identity,
    make_platform_labels,
)
from lifecycle.infrastructure.kubernetes.pod_watch import PodWatch
from lifecycle.infrastructure.kubernetes.pods import choose_present, group_by_instance, parse_time
from lifecycle.infrastructure.model import KeeperTask, TargetKeeper
from lifecycle.infrastructure.revival_failures import RevivalFailures

logger = get_logger(__name__)
KEEP_SECONDS = 2
LEFTOVERS_SECONDS = 30
SETTLING_SECONDS = 30
_STOP_SECONDS = 5
_MOST_ASKED_AT_ONCE = 50


@dataclass(frozen=True)
class _FoundService:
    """A Service of a job in the cluster."""

    replica: ReplicaIdentity
    created: datetime


class KubernetesKeeper(TargetKeeper):
    """Applies removed objects of serving instances again, and removes what a killed service has left behind.

    The cluster itself makes pods again, and starts crashed and silent containers again.
    """

    def __init__(
        self, deployer: KubernetesDeployer, pods: PodWatch, failures: RevivalFailures, clock: Clock
    ) -> None:
        self._deployer = deployer
        self._pods = pods
        self._failures = failures
        self._clock = clock
        self._whole: set[str] = set()
        """The ids of instances that lack a pod although all their Deployments are there."""

    def list_tasks(self) -> list[KeeperTask]:
        """List the tasks of this target; missing pods are looked for often, because their job does not answer."""
        return [
            KeeperTask("keep-deployments", KEEP_SECONDS, self.keep_deployments),
            KeeperTask("keep-services", LEFTOVERS_SECONDS, self.keep_services),
            KeeperTask("remove-leftover-objects", LEFTOVERS_SECONDS, self.remove_leftovers),
        ]

    def keep_deployments(self) -> None:
        """Bring back the serving instances that lack a pod because their Deployment was removed."""
        try:
            pods = group_by_instance(choose_present(self._pods.list_pods()))
        except ClusterUnavailable as error:
            logger.debug(f"missing pods are not looked for: {error}")  # The watch has warned once.
            return
        serving = self._list_serving()
        self._failures.forget_others(serving)
        lacking = {
            one.id: one
            for one in serving.values()
            if len({pod.replica.replica for pod in pods.get(one.id, [])}) < _count_replicas(one)
        }
        self._whole &= lacking.keys()
        due = [one for one in lacking.values() if self._is_due(one)]
        asked = [one for one in due if one.id not in self._whole][:_MOST_ASKED_AT_ONCE]
        present = self._count(DEPLOYMENT, asked)
        for instance in asked:
            if present.get(instance.id, 0) < _count_replicas(instance):
                self._bring_back(instance)
            else:
                self._whole.add(instance.id)

    def keep_services(self) -> None:
        """Bring back the serving instances that have lost a Service, and look again for lost Deployments."""
        self._whole.clear()
        # The rows are read first: a Service that is missing afterwards is missing in truth.
        serving = self._list_serving()
        counts: dict[str, int] = {}
        for service in self._list_services():
            counts[service.replica.instance_id] = counts.get(service.replica.instance_id, 0) + 1
        for instance in serving.values():
            is_whole = counts.get(instance.id, 0) >= _count_replicas(instance)
            if not is_whole and self._is_due(instance):
                self._bring_back(instance)

    def remove_leftovers(self) -> None:
        """Remove objects of ended deployments, left by a service that was killed while it applied or removed them.

        Objects of deployments that this database does not know stay: another platform may have the same name.
        """
        # The Services are read before the rows, so each that is found has its row already.
        services = self._list_services()
        settled = self._clock.now() - timedelta(seconds=SETTLING_SECONDS)
        found = {one.replica.instance_id for one in services if one.created < settled}
        with self._deployer.uow.reading() as uow:
            leftover = {
                instance_id
                for instance_id in found - uow.instances.list_ids()
                if uow.deployments.find(instance_id) is not None
            }
        for instance_id in leftover:
            logger.warning(f"removing the objects of instance {instance_id}, which has ended")
            self._deployer.stop_instance(instance_id, _STOP_SECONDS)

    def stop_all(self) -> None:
        """End the pods of all jobs. Services and Secrets stay, and the tasks bring the Deployments back."""
        self._deployer.end_all(_STOP_SECONDS)

    def _list_serving(self) -> dict[str, JobInstance]:
        with self._deployer.uow.reading() as uow:
            serving = uow.instances.list_serving(BuiltInTarget.KUBERNETES)
        return {one.id: one for one in serving}

    def _list_services(self) -> list[_FoundService]:
        labels = make_platform_labels(self._deployer.config.platform_name)
        listing = self._deployer.cluster.read_listing(SERVICE, labels, _parse_service)
        return [service for service in listing.objects if service]

    def _count(self, kind: ObjectKind, instances: Iterable[JobInstance]) -> dict[str, int]:
        """Return how many objects of a kind the instances have."""
        ids = [one.id for one in instances]
        if not ids:
            return {}
        labels: Labels = {
            **make_platform_labels(self._deployer.config.platform_name),
            KubernetesLabel.INSTANCE: ids,
        }
        counts: dict[str, int] = {}
        for replica in self._deployer.cluster.read_listing(kind, labels, find_identity).objects:
            if replica is not None:
                counts[replica.instance_id] = counts.get(replica.instance_id, 0) + 1
        return counts

    def _bring_back(self, instance: JobInstance) -> None:
        name = f"{instance.job_name} {instance.job_version}"
        logger.warning(f"objects of job {name} were removed from the cluster; bringing them back")
        try:
            self._deployer.revive_instance(instance.id)
        except (InstanceNotStarted, ClusterRefusal) as error:
            logger.error(f"job {name} can't be brought back: {error}")
            self._failures.note(instance.id, str(error), self._clock.monotonic())
        else:
            self._failures.forget(instance.id)

    def _is_due(self, instance: JobInstance) -> bool:
        return self._failures.is_due(instance.id, self._clock.monotonic())


def _parse_service(found: dict[str, Any]) -> _FoundService | None:
    replica = find_identity(found)
    if replica is None:
        return None
    metadata = found["metadata"]
    return _FoundService(replica, parse_time(metadata.get("creationTimestamp")))


def _count_replicas(instance: JobInstance) -> int:
    return max(1, len(instance.replica_internal_names))
