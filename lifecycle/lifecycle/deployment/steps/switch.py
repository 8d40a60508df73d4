"""The third step: one transaction makes the new instance the serving one."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

from racetrack_commons.entities.dto import ChangeKind, JobDto, JobStatus

from lifecycle.database.repositories.deployment_tasks import TaskStep
from lifecycle.database.repositories.instances import InstanceState, JobInstance
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.deployment.attempt.claim import ClaimedDeployment
from lifecycle.deployment.attempt.phases import Phase
from lifecycle.deployment.attempt.state import DeploymentState, make_job
from lifecycle.deployment.steps.audit import record_success


class SwitchStep:
    """Points the job to its new instance, and lets the old ones drain."""

    def __init__(self, drain_seconds: float, wake_reaper: Callable[[], None]) -> None:
        self._drain_seconds = drain_seconds
        self._wake_reaper = wake_reaper

    def run(self, claimed: ClaimedDeployment, state: DeploymentState) -> TaskStep:
        """Do all or nothing."""
        with claimed.writing() as uow:
            old = uow.jobs.get(state.manifest.name, state.manifest.version)
            instance = uow.instances.get(claimed.deployment_id)
            self._drain_former(uow, old, instance, claimed)
            uow.instances.save(instance.model_copy(update={"state": InstanceState.SERVING}))
            job = uow.jobs.save(_make_serving(state, old, instance))
            uow.public_endpoints.request(job.id or "", state.manifest.public_endpoints or [])
            record_success(uow, state, old, job, claimed.clock.now())
            uow.record_change(ChangeKind.JOB, job.name)
            uow.deployments.set_phase(
                claimed.deployment_id, Phase.POST_DEPLOY_HOOKS, claimed.clock.now()
            )
            uow.deployment_tasks.advance(claimed.lease, TaskStep.FINISH)
            uow.after_commit(self._wake_reaper)
        return TaskStep.FINISH

    def _drain_former(
        self, uow: UnitOfWork, old: JobDto, instance: JobInstance, claimed: ClaimedDeployment
    ) -> None:
        drain_until = claimed.clock.now() + timedelta(seconds=self._drain_seconds)
        former = [
            other
            for other in uow.instances.list_of_job(old.name, old.version)
            if other.id != instance.id and other.state != InstanceState.DRAINING
        ]
        for other in former:
            draining = {"state": InstanceState.DRAINING, "drain_until": drain_until}
            uow.instances.save(other.model_copy(update=draining))
        has_moved = old.infrastructure_target not in (None, instance.infrastructure_target)
        if has_moved and not former:
            uow.instances.save(_make_draining_leftover(old, instance, drain_until))


def _make_serving(state: DeploymentState, old: JobDto, instance: JobInstance) -> JobDto:
    return make_job(state, JobStatus.RUNNING).model_copy(
        update={
            "id": old.id,
            "create_time": old.create_time,
            "last_call_time": old.last_call_time,
            "notice": old.notice,
            "internal_name": instance.internal_name,
            "replica_internal_names": instance.replica_internal_names,
        }
    )


def _make_draining_leftover(
    old: JobDto, instance: JobInstance, drain_until: datetime
) -> JobInstance:
    """Describe what serves on the former target of a job that was deployed before there were instances."""
    return instance.model_copy(
        update={
            "id": str(uuid4()),
            "infrastructure_target": old.infrastructure_target,
            "state": InstanceState.DRAINING,
            "internal_name": old.internal_name,
            "replica_internal_names": old.replica_internal_names,
            "image_tag": old.image_tag or "",
            "drain_until": drain_until,
        }
    )
