"""The reaper stops instances that are no longer needed: drained ones, and those of failed deployments."""

import threading
from collections.abc import Callable
from datetime import timedelta

from racetrack_client.log.errors import ServiceUnavailable, ValidationError
from racetrack_client.log.logs import get_logger
from racetrack_client.manifest.manifest import DRAIN_SECONDS
from racetrack_client.utils.datamodel import load_yaml_map
from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import DeploymentDto

from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployer.base import JobDeployer
from lifecycle.deployer.instances import InstanceDeployer
from lifecycle.domain.instance import InstanceState, JobInstance
from lifecycle.infrastructure.model import InfrastructureTarget
from lifecycle.infrastructure.registry import InfrastructureRegistry

logger = get_logger(__name__)

_GRACE_SECONDS = 10
_PAUSE_AFTER_FAULT_SECONDS = 60
_STOP_SECONDS = 2
_SECONDS_FOR_GATEWAYS = 15
"""Gateways ask a Lifecycle that was away again after at most 5 seconds (`Outage` in PUB); until then they know of no switch."""


class InstanceReaper:
    """Stops instances; any thread may, and several may do so at once, as a repeated stop does no harm."""

    def __init__(
        self, unit_of_work: UnitOfWorkFactory, infrastructure: InfrastructureRegistry, clock: Clock
    ) -> None:
        self._unit_of_work = unit_of_work
        self._infrastructure = infrastructure
        self._clock = clock
        self._retry_at: dict[str, float] = {}

    def run_once(self) -> int:
        """Ask drained instances to end, remove ended and abandoned ones; return the number of those that are gone."""
        with self._unit_of_work.reading() as uow:
            unneeded = uow.instances.list_drained(self._clock.now())
            unneeded += uow.instances.list_ending() + uow.instances.list_abandoned()
        due = [one for one in unneeded if self._is_due(one.id)]
        return sum(self._try(instance, self._tend) for instance in due)

    def remove(self, instance: JobInstance) -> bool:
        """Stop an instance and remove its row; return False after a failure, which is logged and retried later."""
        return self._try(instance, self._remove)

    def _try(self, instance: JobInstance, action: Callable[[JobInstance], bool]) -> bool:
        try:
            is_gone = action(instance)
        except Exception as error:  # noqa: BLE001 - one bad target must not keep the others alive
            self._retry_at[instance.id] = self._clock.monotonic() + _PAUSE_AFTER_FAULT_SECONDS
            name = f"{instance.job_name} {instance.job_version}"
            logger.warning(f"instance {instance.id} of job {name} could not be stopped: {error}")
            return False
        self._retry_at.pop(instance.id, None)
        return is_gone

    def _tend(self, instance: JobInstance) -> bool:
        """Take the next step to the end of an instance; return whether it is gone."""
        if instance.state == InstanceState.DRAINING:
            instance = self._ask_to_end(instance)
        if instance.state == InstanceState.ENDING and not self._is_over(instance):
            return False
        return self._remove(instance)

    def _ask_to_end(self, instance: JobInstance) -> JobInstance:
        deployer = self._infrastructure.get(instance.infrastructure_target).job_deployer
        if isinstance(deployer, InstanceDeployer):
            deployer.ask_to_end(instance.id)
        with self._unit_of_work() as uow:
            seconds = _get_drain_seconds(uow.deployments.find(instance.id))
            until = self._clock.now() + timedelta(seconds=seconds)
            uow.instances.mark_ending(instance.id, until)
        return instance.model_copy(update={"state": InstanceState.ENDING, "drain_until": until})

    def _is_over(self, instance: JobInstance) -> bool:
        deployer = self._infrastructure.get(instance.infrastructure_target).job_deployer
        is_late = instance.drain_until is None or instance.drain_until <= self._clock.now()
        return (
            is_late or not isinstance(deployer, InstanceDeployer) or deployer.has_ended(instance.id)
        )

    def _remove(self, instance: JobInstance) -> bool:
        self._stop(instance)
        with self._unit_of_work() as uow:
            uow.instances.remove(instance.id)
        return True

    def _stop(self, instance: JobInstance) -> None:
        name = instance.infrastructure_target
        targets = self._infrastructure.list_named(name)
        if instance.is_in_place and not any(_replaces_in_place(target) for target in targets):
            raise ServiceUnavailable(
                f"the plugin whose target {name} started it is gone: install the plugin again, which stops it"
            )
        for target in targets:
            deployer = target.job_deployer
            if isinstance(deployer, InstanceDeployer):
                deployer.stop_instance(instance.id, _GRACE_SECONDS)
            elif deployer is not None and not self._is_job_on_target_of(instance):
                _delete_in_place(deployer, instance.job_name, instance.job_version)

    def _is_job_on_target_of(self, instance: JobInstance) -> bool:
        """Return whether the job is still there: a target that replaces in place has only its newest instance."""
        with self._unit_of_work.reading() as uow:
            job = uow.jobs.find(instance.job_name, instance.job_version)
        return job is not None and job.infrastructure_target == instance.infrastructure_target

    def _is_due(self, instance_id: str) -> bool:
        return self._clock.monotonic() >= self._retry_at.get(instance_id, 0)


def _replaces_in_place(target: InfrastructureTarget) -> bool:
    deployer = target.job_deployer
    return deployer is not None and not isinstance(deployer, InstanceDeployer)


def _delete_in_place(deployer: JobDeployer, job_name: str, job_version: str) -> None:
    """Delete a job that may be gone already: a target that replaces in place has one for several rows of instances."""
    if deployer.job_exists(job_name, job_version):
        deployer.delete_job(job_name, job_version)


def _get_drain_seconds(deployment: DeploymentDto | None) -> float:
    """Return the seconds that calls may go on, as the manifest of the instance's own deployment says."""
    try:
        seconds = (
            load_yaml_map(deployment.manifest_yaml).get("drain_seconds") if deployment else None
        )
    except ValidationError:  # Stored by a release that accepted larger manifests.
        return DRAIN_SECONDS
    return seconds if isinstance(seconds, int | float) else DRAIN_SECONDS


class ReaperThread:
    """Looks for instances to stop every second, in a thread of its own.

    After its start it waits: when Lifecycle was killed at a switch, gateways still call the instance that
    was replaced, and the time that it had for draining may have passed meanwhile.
    """

    def __init__(
        self,
        reaper: InstanceReaper,
        poll_seconds: float = 1,
        first_look_after_seconds: float = _SECONDS_FOR_GATEWAYS,
    ) -> None:
        self._reaper = reaper
        self._poll_seconds = poll_seconds
        self._first_look_after_seconds = first_look_after_seconds
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._reap_until_stopped, name="reaper", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Make the thread look at once; any thread may call it."""
        self._wake.set()

    def stop(self) -> None:
        """End the thread, after the stop of an instance that is under way."""
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_SECONDS)

    def _reap_until_stopped(self) -> None:
        self._stopping.wait(self._first_look_after_seconds)
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                self._reaper.run_once()
            except Exception as error:  # noqa: BLE001 - the loop must survive an unreachable database
                logger.warning(f"looking for drained instances failed: {error}")
            self._wake.wait(self._poll_seconds)
