"""Requests to cancel a deployment: it ends at once, and what was built or started for it is given back."""

from dataclasses import dataclass

from racetrack_client.log.errors import EntityNotFound, ServiceUnavailable, ValidationError
from racetrack_client.log.logs import get_logger
from racetrack_commons.entities.audit import AuditEventType
from racetrack_commons.entities.dto import DeploymentDto, DeploymentStatus

from lifecycle.audit import AuditEvent, write_event
from lifecycle.auth.authenticate import AuthSubject
from lifecycle.core import Core
from lifecycle.deployment.attempt.failure import remove_unserved_job
from lifecycle.deployment.upkeep.reaper import InstanceReaper
from lifecycle.domain.deployment import describe_cancellation
from lifecycle.domain.instance import InstanceState, JobInstance

logger = get_logger(__name__)


@dataclass(frozen=True)
class DeploymentCanceller:
    """Cancels deployments, in the calling thread."""

    core: Core
    reaper: InstanceReaper

    def cancel(self, deployment: DeploymentDto, subject: AuthSubject) -> None:
        """End a deployment that does not serve yet; a serving predecessor goes on.

        One transaction ends it, so its worker can write no more; then its build is stopped and its
        instance removed. May be repeated. Raises ValidationError when the deployment has ended
        otherwise, or serves already.
        """
        with self.core.unit_of_work() as uow:
            now = self.core.clock.now()
            reason = describe_cancellation(subject.name)
            if uow.deployment_tasks.end_cancelled(deployment.id, reason, now):
                remove_unserved_job(uow, deployment)
                event = AuditEvent(
                    AuditEventType.DEPLOYMENT_CANCELLED,
                    executor=subject.name,
                    owner=deployment.deployed_by,
                    job_name=deployment.job_name,
                    job_version=deployment.job_version,
                )
                write_event(uow, event, now)
            else:
                _check_was_cancelled(uow.deployments.get(deployment.id))
        logger.info(f"deployment {deployment.id} was cancelled by {subject.name}")
        self.free(deployment.id)

    def free(self, deployment_id: str) -> None:
        """Stop the build and the instance of a deployment that has ended without a serving instance."""
        with self.core.unit_of_work.reading() as uow:
            deployment = uow.deployments.get(deployment_id)
            instance = uow.instances.find(deployment_id) or _make_instance(deployment)
        if deployment.status != DeploymentStatus.FAILED or instance.state != InstanceState.STARTING:
            return
        try:
            self.core.image_builder.cancel(deployment_id)
        except EntityNotFound:
            pass  # Nothing is built, or not any more.
        except ServiceUnavailable as error:
            logger.warning(f"the build of deployment {deployment_id} may go on: {error}")
        self.reaper.remove(instance)


def _check_was_cancelled(deployment: DeploymentDto) -> None:
    if deployment.status == DeploymentStatus.IN_PROGRESS:
        raise ValidationError(
            f"deployment {deployment.id} serves already:"
            f" `racetrack rollback {deployment.job_name}` brings the one before back"
        )
    if not deployment.is_cancelled:
        raise ValidationError(
            f"deployment {deployment.id} has ended ({deployment.status}): nothing is left to cancel"
        )


def _make_instance(deployment: DeploymentDto) -> JobInstance:
    """Describe the instance that a worker may have started meanwhile."""
    return JobInstance(
        id=deployment.id,
        job_name=deployment.job_name,
        job_version=deployment.job_version,
        infrastructure_target=deployment.infrastructure_target or "",
        state=InstanceState.STARTING,
        create_time=deployment.create_time,
    )
