"""What a deployment leaves behind beside the job: audit events and permissions."""

from datetime import datetime

from racetrack_commons.auth.scope import AuthScope
from racetrack_commons.entities.dto import JobDto

from lifecycle.audit import AuditEvent, AuditEventType, describe_change, write_event
from lifecycle.database.repositories.deployment_tasks import TaskKind
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.deployment.attempt.state import DeploymentState

RECONCILER = "racetrack"
"""Who provisions lost jobs again."""
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


def record_success(
    uow: UnitOfWork, state: DeploymentState, old: JobDto, job: JobDto, now: datetime
) -> None:
    """Write the audit events of a switch, and let the deployer use the job."""
    for event_type in _EVENTS[state.task.kind]:
        is_first = event_type == AuditEventType.JOB_DEPLOYED
        event = AuditEvent(
            event_type,
            executor=job.deployed_by,
            owner=None if is_first else old.deployed_by,
            job_name=job.name,
            job_version=job.version,
            properties=describe_change(_describe(old), _describe(job)),
        )
        write_event(uow, event, now)
    if state.task.kind in (TaskKind.DEPLOY, TaskKind.MOVE) and state.task.auth_subject_id:
        for scope in _SCOPES_OF_DEPLOYER:
            uow.permissions.grant(state.task.auth_subject_id, scope, job_id=job.id)


def record_failure(uow: UnitOfWork, state: DeploymentState, now: datetime) -> None:
    """Write that a deployment failed."""
    if state.task.kind == TaskKind.DEPLOY:
        event = AuditEvent(
            AuditEventType.DEPLOYMENT_FAILED,
            executor=state.deployment.deployed_by,
            job_name=state.deployment.job_name,
            job_version=state.deployment.job_version,
        )
        write_event(uow, event, now)


def _describe(job: JobDto) -> dict[str, str | None]:
    return {
        "image_tag": job.image_tag,
        "infrastructure_target": job.infrastructure_target,
        "manifest": job.manifest_yaml,
    }
