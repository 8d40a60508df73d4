"""The runner carries one deployment from its next step to its end, and decides what an error means for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from racetrack_client.log.context_error import find_cause
from racetrack_client.log.errors import ServiceUnavailable
from racetrack_client.log.logs import get_logger
from racetrack_commons.entities.audit import AuditEventType
from racetrack_commons.entities.dto import DeploymentDto
from racetrack_commons.redaction import SecretRedactor

from lifecycle.audit import AuditEvent, write_event
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.deployment.attempt.attempt import Attempt
from lifecycle.deployment.attempt.claim import Claim
from lifecycle.deployment.attempt.failure import (
    DeploymentFailed,
    DeploymentInterrupted,
    describe_failure,
    remove_unserved_job,
)
from lifecycle.deployment.upkeep.reaper import InstanceReaper
from lifecycle.domain.deployment import LeaseLost, TaskKind, TaskStep
from lifecycle.domain.instance import InstanceState, JobInstance
from lifecycle.domain.secrets import SecretBox
from lifecycle.metrics import LifecycleMetrics

logger = get_logger(__name__)

MOST_ATTEMPTS = 5
_PAUSE_AFTER_FAULT_SECONDS = 2


class Step(Protocol):
    """One step of a deployment; it may run again after a crash, so a repetition must do no harm."""

    def carry_out(self, attempt: Attempt) -> TaskStep:
        """Do the step, store in one transaction that it is done, and return the next one."""


@dataclass(frozen=True)
class DeploymentRunner:
    """Carries out the steps of deployments; several threads may use it at once."""

    steps: Mapping[TaskStep, Step]
    secret_box: SecretBox
    reaper: InstanceReaper
    metrics: LifecycleMetrics
    free: Callable[[str], None]
    """Called with the id of a deployment that another took over, or cancelled; frees what a cancelled one holds."""

    def carry_on(self, claim: Claim) -> None:
        """Work on the deployment until it has ended, or must be left to another worker."""
        try:
            self._carry_out_steps(claim)
        except LeaseLost as error:
            logger.warning(str(error))
            self.free(claim.deployment_id)
        except DeploymentInterrupted as error:
            logger.info(f"deployment {claim.deployment_id} is left to another worker: {error}")
            claim.release()
        except ServiceUnavailable as error:
            logger.warning(f"deployment {claim.deployment_id} will be tried again: {error}")
            claim.release(_PAUSE_AFTER_FAULT_SECONDS)

    def _carry_out_steps(self, claim: Claim) -> None:
        attempt: Attempt | None = None
        try:
            _check_attempts(claim)
            attempt = Attempt.begin(claim, self.secret_box)
            step = attempt.task.step
            while step != TaskStep.ENDED:
                claim.check_is_wanted()
                step = self.steps[step].carry_out(attempt)
                attempt.reread_task()
            self._report_success(attempt)
        except Exception as error:  # noqa: BLE001 - the user must learn of every error
            _raise_if_not_a_failure(error)
            self._fail(claim, attempt, error)

    def _report_success(self, attempt: Attempt) -> None:
        self.metrics.done_job_deployments.inc()
        if attempt.task.kind != TaskKind.BUILD:
            self.metrics.deployed_job.inc()
        name, version = attempt.manifest.name, attempt.manifest.version
        logger.info(f"{attempt.task.kind} of {name} {version} is done")

    def _fail(self, claim: Claim, attempt: Attempt | None, error: Exception) -> None:
        text = describe_failure(error, attempt.redactor if attempt else SecretRedactor([]))
        logger.error(f"deployment {claim.deployment_id} failed: {text}")
        with claim.writing() as uow:
            deployment = uow.deployments.get(claim.deployment_id)
            unneeded = _undo_first_deployment(uow, deployment)
            uow.deployment_tasks.end_failed(claim.lease, text, claim.now())
            if attempt is not None:
                _record_failure(uow, attempt)
        self.metrics.done_job_deployments.inc()
        if unneeded is not None:
            self.reaper.remove(unneeded)


def _check_attempts(claim: Claim) -> None:
    if claim.lease.attempt > MOST_ATTEMPTS:
        raise DeploymentFailed(
            f"the deployment was interrupted {MOST_ATTEMPTS} times",
            hint="its workers were killed, or could not reach what they need; see Lifecycle's log",
        )


def _undo_first_deployment(uow: UnitOfWork, deployment: DeploymentDto) -> JobInstance | None:
    """Remove the job if it never served; return the instance that has to be stopped, if there is one."""
    instance = uow.instances.find(deployment.id)
    if instance is None or instance.state != InstanceState.STARTING:
        return None
    remove_unserved_job(uow, deployment)
    return instance


def _record_failure(uow: UnitOfWork, attempt: Attempt) -> None:
    if attempt.task.kind != TaskKind.DEPLOY:
        return
    deployment = attempt.deployment
    event = AuditEvent(
        AuditEventType.DEPLOYMENT_FAILED,
        executor=deployment.deployed_by,
        job_name=deployment.job_name,
        job_version=deployment.job_version,
    )
    write_event(uow, event, attempt.claim.now())


def _raise_if_not_a_failure(error: Exception) -> None:
    """Raise the error's cause again when another attempt can succeed after it."""
    if cause := find_cause(error, LeaseLost, DeploymentInterrupted, ServiceUnavailable):
        raise cause
