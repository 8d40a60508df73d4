"""The third step: one transaction makes the new instance the serving one, with audit events and permissions."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

from racetrack_client.entities import AuthScope
from racetrack_commons.entities.audit import AuditEventType
from racetrack_commons.entities.dto import ChangeKind, JobDto, JobStatus

from lifecycle.audit import AuditEvent, describe_change, write_event
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.deployment.attempt.attempt import Attempt
from lifecycle.domain.deployment import Phase, TaskKind, TaskStep
from lifecycle.domain.instance import InstanceState, JobInstance
from lifecycle.job.families import grant_new_family
from lifecycle.job.version_pins import pass_pin_on

_EVENTS: dict[TaskKind, tuple[AuditEventType, ...]] = {
    TaskKind.BUILD: (),
    TaskKind.DEPLOY: (AuditEventType.JOB_DEPLOYED,),
    TaskKind.REDEPLOY: (AuditEventType.JOB_REDEPLOYED,),
    TaskKind.REPROVISION: (AuditEventType.JOB_REDEPLOYED,),
    TaskKind.MOVE: (
        AuditEventType.JOB_DEPLOYED,
        AuditEventType.JOB_DELETED,
        AuditEventType.JOB_MOVED,
    ),
    TaskKind.ROLLBACK: (AuditEventType.JOB_ROLLED_BACK,),
}
_SCOPES_OF_DEPLOYER = (
    AuthScope.READ_JOB,
    AuthScope.CALL_JOB,
    AuthScope.DEPLOY_JOB,
    AuthScope.DELETE_JOB,
)


_LEAVING = (InstanceState.DRAINING, InstanceState.ENDING)


class SwitchStep:
    """Points the job to its new instance, and lets the former ones drain."""

    def __init__(self, drain_seconds: float, wake_reaper: Callable[[], None]) -> None:
        self._drain_seconds = drain_seconds
        self._wake_reaper = wake_reaper

    def carry_out(self, attempt: Attempt) -> TaskStep:
        """Switch the job, in one transaction."""
        claim = attempt.claim
        with claim.writing() as uow:
            old = uow.jobs.get(attempt.manifest.name, attempt.manifest.version)
            instance = uow.instances.get(claim.deployment_id)
            self._drain_former(uow, old, instance, claim.now())
            uow.instances.save(instance.model_copy(update={"state": InstanceState.SERVING}))
            job = uow.jobs.save(_make_serving(attempt, old, instance))
            uow.public_endpoints.request(job.id or "", attempt.manifest.public_endpoints or [])
            if attempt.task.kind == TaskKind.DEPLOY:
                pass_pin_on(uow, job)
            _record_success(uow, attempt, old, job)
            uow.record_change(ChangeKind.JOB, job.name)
            uow.deployments.set_phase(claim.deployment_id, Phase.POST_DEPLOY_HOOKS, claim.now())
            uow.deployment_tasks.advance(claim.lease, TaskStep.FINISH)
            uow.after_commit(self._wake_reaper)
        return TaskStep.FINISH

    def _drain_former(
        self, uow: UnitOfWork, old: JobDto, instance: JobInstance, now: datetime
    ) -> None:
        wanted = old.manifest.drain_seconds if old.manifest else self._drain_seconds
        drain_until = now + timedelta(seconds=min(self._drain_seconds, wanted))
        former = [
            other
            for other in uow.instances.list_of_job(old.name, old.version)
            if other.id != instance.id and other.state not in _LEAVING
        ]
        for other in former:
            draining = {"state": InstanceState.DRAINING, "drain_until": drain_until}
            uow.instances.save(other.model_copy(update=draining))
        has_moved = old.infrastructure_target not in (None, instance.infrastructure_target)
        if has_moved and not former:
            uow.instances.save(_make_draining_leftover(old, instance, drain_until))


def _make_serving(attempt: Attempt, old: JobDto, instance: JobInstance) -> JobDto:
    return attempt.make_job(JobStatus.RUNNING).model_copy(
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
    """Describe the copy on the former target of a job that was deployed before the database had instances."""
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


def _record_success(uow: UnitOfWork, attempt: Attempt, old: JobDto, job: JobDto) -> None:
    """Write the audit events of the switch, and grant the deployer permissions on the job."""
    for event_type in _EVENTS[attempt.task.kind]:
        is_first = event_type == AuditEventType.JOB_DEPLOYED
        event = AuditEvent(
            event_type,
            executor=job.deployed_by,
            owner=None if is_first else old.deployed_by,
            job_name=job.name,
            job_version=job.version,
            properties=describe_change(_describe(old), _describe(job)),
        )
        write_event(uow, event, attempt.claim.now())
    deployer_id = attempt.task.auth_subject_id
    if deployer_id and attempt.task.kind in (TaskKind.DEPLOY, TaskKind.MOVE):
        for scope in _SCOPES_OF_DEPLOYER:
            uow.permissions.grant(deployer_id, scope, job_id=job.id)
        if old.create_time == attempt.timestamp:  # Else the job is older than this deployment.
            grant_new_family(uow, job, deployer_id)


def _describe(job: JobDto) -> dict[str, str | None]:
    return {
        "image_tag": job.image_tag,
        "infrastructure_target": job.infrastructure_target,
        "manifest": job.manifest_yaml,
    }
