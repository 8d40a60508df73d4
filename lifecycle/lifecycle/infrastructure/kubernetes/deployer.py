"""The deployer of the target `kubernetes`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter
from racetrack_client.client.run import JOB_INTERNAL_PORT
from racetrack_client.log.errors import ServiceUnavailable
from racetrack_client.log.logs import get_logger
from racetrack_client.manifest import Manifest
from racetrack_commons.clock import Clock

from lifecycle.config import Config
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployer.instances import InstanceNotStarted, JobCrashed
from lifecycle.deployer.resources import compute_resources
from lifecycle.domain.instance import Instance, InstanceSpec
from lifecycle.domain.secrets import SecretBox
from lifecycle.infrastructure.built_in_deployer import BuiltInDeployer
from lifecycle.infrastructure.kubernetes.cluster import (
    DEPLOYMENT,
    NOT_FOUND,
    POD,
    REPLICA_SET,
    SECRET,
    SERVICE,
    Cluster,
    ClusterRefusal,
    Labels,
)
from lifecycle.infrastructure.kubernetes.diagnosis import (
    AskedDetails,
    Fault,
    PodDiagnostician,
    describe_quota,
)
from lifecycle.infrastructure.kubernetes.identity import (
    ReplicaIdentity,
    find_identity,
    make_instance_labels,
    make_platform_labels,
)
from lifecycle.infrastructure.kubernetes.placement import place_pod
from lifecycle.infrastructure.kubernetes.pods import JobPod, choose_present, find_setback
from lifecycle.infrastructure.kubernetes.workload import make_workload, own

logger = get_logger(__name__)
_SPEC = TypeAdapter(InstanceSpec)
_POLL_SECONDS = 0.2
_BEYOND_GRACE_SECONDS = 15
"""Seconds after their grace in which pods must be gone; then they are removed without the word of their node."""


@dataclass(frozen=True)
class _JobService:
    """The Service of a replica, at whose address it is called."""

    replica: ReplicaIdentity
    address: str


class KubernetesDeployer(BuiltInDeployer):
    """Runs each replica as a Deployment of one pod, with a Service that gives it an address of its own.

    So the platform balances calls among replicas, and calls another one again, as on all its targets.
    """

    # Until there is a pod, and each node has the rules for it, packets to a Service may leave the cluster: any server may answer.
    settling_seconds = 20

    def __init__(
        self,
        config: Config,
        uow: UnitOfWorkFactory,
        secrets: SecretBox,
        cluster: Cluster,
        clock: Clock,
    ) -> None:
        super().__init__(uow, secrets)
        self.config = config
        self.cluster = cluster
        self.diagnostician = PodDiagnostician(AskedDetails(cluster))
        self._clock = clock

    def check_manifest(self, manifest: Manifest) -> None:
        """Raise InstanceNotStarted when the manifest asks for more than the platform allows."""
        compute_resources(manifest, self.config)
        place_pod(manifest, self.config)

    def start_instance(self, spec: InstanceSpec) -> Instance:
        """Apply the objects of the instance; store the spec for `revive_instance`.

        Raise InstanceNotStarted when the cluster refuses one; then nothing of the instance is left.
        """
        content = self.secrets.encrypt(_SPEC.dump_json(spec))
        with self.uow() as uow:
            uow.instance_specs.save(spec.instance_id, content)
        try:
            return self._apply(spec)
        except InstanceNotStarted:
            self._clean_up(spec.instance_id)
            raise

    def revive_instance(self, instance_id: str) -> None:
        """Apply objects that were removed; raise InstanceNotStarted when that is impossible."""
        with self.uow.reading() as uow:
            content = uow.instance_specs.find(instance_id)
        if content is None:
            raise InstanceNotStarted("it is not known how it was started; reprovision the job")
        self._apply(_SPEC.validate_json(self.secrets.decrypt(content)))
        with self.uow.reading() as uow:
            is_wanted = uow.instance_specs.find(instance_id) is not None
        if not is_wanted:  # The instance was stopped meanwhile.
            self._remove(instance_id, grace_seconds=0)

    def ask_to_end(self, instance_id: str) -> None:
        """Ask the pods to end; the cluster leaves each the time that its manifest gives to running calls."""
        with self.uow() as uow:
            uow.instance_specs.remove(instance_id)
        labels = self._select(instance_id)
        deployments = self.cluster.list_objects(DEPLOYMENT, labels)
        # Pods that are deleted while their Deployment wants them may be made again.
        for deployment in deployments:
            self.cluster.scale_to_zero(deployment["metadata"]["name"])
        if not deployments:
            self._end_pods(labels, None)

    def has_ended(self, instance_id: str) -> bool:
        """Return whether no container of the instance runs or may yet start."""
        return not self._list_living(self._select(instance_id))

    def stop_instance(self, instance_id: str, grace_seconds: float) -> None:
        """Ask the pods to end, kill those that have not after `grace_seconds`, and remove all objects."""
        with self.uow() as uow:
            uow.instance_specs.remove(instance_id)
        self._remove(instance_id, grace_seconds)

    def end_all(self, grace_seconds: float) -> None:
        """End the pods of all instances, and remove their Deployments; `revive_instance` applies these again."""
        labels = make_platform_labels(self.config.platform_name)
        self._end_pods(labels, max(1, round(grace_seconds)))
        self._wait_until_gone(labels, grace_seconds + _BEYOND_GRACE_SECONDS)

    def has_instance(self, instance_id: str) -> bool:
        """Return whether the cluster has a Service of the instance."""
        return bool(self.cluster.list_objects(SERVICE, self._select(instance_id)))

    def check_instance(self, instance_id: str) -> None:
        """Raise JobCrashed, in the cluster's words, if a replica has ended, can't be started, or is missing."""
        pods = self.list_pods(self._select(instance_id))
        for pod in pods:
            self._raise_lasting(self.diagnostician.find_fault(pod))
            for container in pod.containers:
                if container.restarts:
                    raise JobCrashed(str(self.diagnostician.describe_crash(pod, container)))
        present = {pod.replica.replica for pod in pods}
        if not pods or len(present) < pods[0].replica.replicas:
            self._check_deployments(instance_id, present)

    def has_started(self, instance_id: str) -> bool:
        """Return whether each replica has a pod whose container runs."""
        pods = self.list_pods(self._select(instance_id))
        running = {pod.replica.replica for pod in pods if pod.main.is_running}
        return bool(pods) and len(running) == pods[0].replica.replicas

    def list_instances(self) -> list[Instance]:
        """List the instances that have a Service."""
        instances: dict[str, list[_JobService]] = {}
        labels = make_platform_labels(self.config.platform_name)
        for found in self.cluster.list_objects(SERVICE, labels):
            if service := self._parse_service(found):
                instances.setdefault(service.replica.instance_id, []).append(service)
        return [_describe(services) for services in instances.values()]

    def list_pods(self, labels: Labels) -> list[JobPod]:
        """List the pods that have all these labels, replica by replica, without those that are ending."""
        return choose_present(self.cluster.read_listing(POD, labels, JobPod.parse).objects)

    def name_address(self, replica: ReplicaIdentity) -> str:
        """Return the address of a replica's Service inside the cluster."""
        return f"{replica.object_name}.{self.cluster.namespace}.svc:{JOB_INTERNAL_PORT}"

    def _apply(self, spec: InstanceSpec) -> Instance:
        """Apply the objects; the first Service, by which instances are found, comes first and goes last."""
        workload = make_workload(spec, self.config)
        with self._explaining_refusals():
            services = [self.cluster.apply(workload.services[0])]
            self.cluster.apply(own(workload.secret, services[0]))
            services += [self.cluster.apply(service) for service in workload.services[1:]]
            for deployment in workload.deployments:
                self.cluster.apply(deployment)
        started = _describe([one for each in services if (one := self._parse_service(each))])
        logger.info(f"job {started.job_name} {started.job_version} runs at {started.internal_name}")
        return started

    def _clean_up(self, instance_id: str) -> None:
        try:
            self.stop_instance(instance_id, grace_seconds=0)
        except (ClusterRefusal, ServiceUnavailable) as error:
            logger.warning(f"objects of instance {instance_id} are left for later: {error}")

    def _remove(self, instance_id: str, grace_seconds: float) -> None:
        labels = self._select(instance_id)
        self._end_pods(labels, max(1, round(grace_seconds)))
        self._wait_until_gone(labels, grace_seconds + _BEYOND_GRACE_SECONDS)
        self.cluster.delete_objects(SECRET, labels)
        services = self.cluster.list_objects(SERVICE, labels)
        names = sorted(service["metadata"]["name"] for service in services)
        for name in reversed(names):
            self.cluster.delete_object(SERVICE, name)

    def _end_pods(self, labels: Mapping[str, str], grace_seconds: int | None) -> None:
        """Delete the pods and all that would make them again, from the top: the cluster itself would take its time."""
        self.cluster.delete_objects(DEPLOYMENT, labels)
        self.cluster.delete_objects(REPLICA_SET, labels)
        self.cluster.delete_objects(POD, labels, grace_seconds)

    def _wait_until_gone(self, labels: Mapping[str, str], seconds: float) -> None:
        deadline = self._clock.monotonic() + seconds
        while pods := self._list_living(labels):
            if self._clock.monotonic() > deadline:
                names = ", ".join(pod["metadata"]["name"] for pod in pods)
                logger.warning(f"pods {names} did not end in time; their node may be gone")
                self.cluster.delete_objects(POD, labels, 0)
                return
            if any("deletionTimestamp" not in pod["metadata"] for pod in pods):
                # Made while its ReplicaSet was deleted.
                self.cluster.delete_objects(POD, labels, 1)
            self._clock.sleep(_POLL_SECONDS)

    def _list_living(self, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """List the pods with containers that run or may yet start; a node removes those that ended at its leisure."""
        found = ((each, JobPod.parse(each)) for each in self.cluster.list_objects(POD, labels))
        return [each for each, pod in found if pod is None or not pod.has_ended]

    def _check_deployments(self, instance_id: str, present: set[int]) -> None:
        """Raise JobCrashed when the cluster has no Deployment of a replica without a pod, or can't make the pod."""
        deployments = self.cluster.list_objects(DEPLOYMENT, self._select(instance_id))
        replicas = [(find_identity(found), found) for found in deployments]
        known = {one.replica: found for one, found in replicas if one}
        expected = next((one.replicas for one, _ in replicas if one), 1)
        for number in set(range(expected)) - present:
            if number not in known:
                raise JobCrashed("a Deployment of the job was removed")
            for condition in known[number].get("status", {}).get("conditions") or []:
                if condition["type"] == "ReplicaFailure":
                    setback = find_setback(condition, "True")
                    self._raise_lasting(describe_quota(setback) if setback else None)

    def _raise_lasting(self, fault: Fault | None) -> None:
        """Raise JobCrashed for a fault that does not pass by itself, or has not within the platform's patience."""
        if fault is None:
            return
        patience = timedelta(seconds=self.config.kubernetes_patience_seconds)
        if fault.since is None or self._clock.now() - fault.since >= patience:
            raise JobCrashed(str(fault))

    def _parse_service(self, found: dict[str, Any]) -> _JobService | None:
        replica = find_identity(found)
        if replica is None:
            return None
        if not self.config.kubernetes_cluster_ips:
            return _JobService(replica, self.name_address(replica))
        return _JobService(replica, f"{found['spec']['clusterIP']}:{JOB_INTERNAL_PORT}")

    def _select(self, instance_id: str) -> dict[str, str]:
        return make_instance_labels(self.config.platform_name, instance_id)

    @contextmanager
    def _explaining_refusals(self) -> Iterator[None]:
        try:
            yield
        except ClusterRefusal as refusal:
            hint = ""
            if refusal.status_code == NOT_FOUND:
                hint = f"; create the namespace {self.cluster.namespace}, or set JOB_K8S_NAMESPACE"
            raise InstanceNotStarted(f"the cluster refuses the job: {refusal}{hint}") from refusal


def _describe(services: list[_JobService]) -> Instance:
    ordered = sorted(services, key=lambda service: service.replica.replica)
    addresses = [service.address for service in ordered]
    first = ordered[0].replica
    return Instance(first.instance_id, first.job_name, first.job_version, addresses[0], addresses)
