"""Carrying one deployment from the step it is at to its end."""

from collections.abc import Mapping
from dataclasses import dataclass

from racetrack_client.log.context_error import find_cause
from racetrack_client.log.errors import ServiceUnavailable
from racetrack_client.log.logs import get_logger
from racetrack_commons.entities.dto import ChangeKind, DeploymentDto, DeploymentStatus, JobStatus
from racetrack_commons.redaction import SecretRedactor

from lifecycle.database.encryption import SecretBox
from lifecycle.database.repositories.deployment_tasks import LeaseLost, TaskKind, TaskStep
from lifecycle.database.repositories.instances import InstanceState, JobInstance
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.deployment.attempt.claim import ClaimedDeployment
from lifecycle.deployment.attempt.failure import (
    DeploymentFailed,
    DeploymentInterrupted,
    describe_failure,
)
from lifecycle.deployment.attempt.state import DeploymentState, Step, load_state
from lifecycle.deployment.steps.audit import record_failure
from lifecycle.deployment.upkeep.reaper import InstanceReaper
from lifecycle.metrics import LifecycleMetrics

logger = get_logger(__name__)

MOST_ATTEMPTS = 5
_PAUSE_AFTER_FAULT_SECONDS = 2


@dataclass(frozen=True)
class DeploymentRunner:
    """Runs steps; decides what an error means for the deployment."""

    steps: Mapping[TaskStep, Step]
    secret_box: SecretBox
    reaper: InstanceReaper
    metrics: LifecycleMetrics

    def run(self, claimed: ClaimedDeployment) -> None:
        """Work on the deployment until it has ended, or must be left to another worker."""
        try:
            self._run(claimed)
        except LeaseLost as error:
            logger.warning(str(error))
        except DeploymentInterrupted as error:
            logger.info(f"deployment {claimed.deployment_id} is left to another worker: {error}")
            claimed.release()
        except ServiceUnavailable as error:
            logger.warning(f"deployment {claimed.deployment_id} will be tried again: {error}")
            claimed.release_for(_PAUSE_AFTER_FAULT_SECONDS)

    def _run(self, claimed: ClaimedDeployment) -> None:
        state: DeploymentState | None = None
        try:
            _check_attempts(claimed)
            state = load_state(claimed, self.secret_box)
            step = state.task.step
            while step != TaskStep.ENDED:
                claimed.check_is_wanted()
                step = self.steps[step].run(claimed, state)
                state = load_state(claimed, self.secret_box)
            self._note_success(state)
        except Exception as error:  # noqa: BLE001 - whatever it is, the user must learn of it
            _raise_if_not_a_failure(error)
            self._fail(claimed, state, error)

    def _note_success(self, state: DeploymentState) -> None:
        self.metrics.done_job_deployments.inc()
        if state.task.kind != TaskKind.BUILD:
            self.metrics.deployed_job.inc()
        name, version = state.manifest.name, state.manifest.version
        logger.info(f"{state.task.kind} of {name} {version} is done")

    def _fail(
        self, claimed: ClaimedDeployment, state: DeploymentState | None, error: Exception
    ) -> None:
        text = describe_failure(error, state.mask if state else SecretRedactor([]))
        logger.error(f"deployment {claimed.deployment_id} failed: {text}")
        with claimed.writing() as uow:
            deployment = uow.deployments.get(claimed.deployment_id)
            unneeded = _undo_first_deployment(uow, deployment)
            now = claimed.clock.now()
            uow.deployments.end(deployment.id, DeploymentStatus.FAILED, text, now)
            uow.deployment_tasks.end(claimed.lease)
            if state is not None:
                record_failure(uow, state, now)
        self.metrics.done_job_deployments.inc()
        if unneeded is not None:
            self.reaper.remove(unneeded)


def _check_attempts(claimed: ClaimedDeployment) -> None:
    if claimed.lease.attempt > MOST_ATTEMPTS:
        raise DeploymentFailed(
            f"the deployment was interrupted {MOST_ATTEMPTS} times",
            hint="its workers were killed, or could not reach what they need; see Lifecycle's log",
        )


def _undo_first_deployment(uow: UnitOfWork, deployment: DeploymentDto) -> JobInstance | None:
    """Remove the job that never ran; return the instance that has to be stopped."""
    instance = uow.instances.find(deployment.id)
    if instance is None or instance.state != InstanceState.STARTING:
        return None
    job = uow.jobs.find(deployment.job_name, deployment.job_version)
    if job is not None and job.status == JobStatus.STARTING:
        uow.jobs.remove(job.name, job.version)
        uow.record_change(ChangeKind.JOB, job.name)
    return instance


def _raise_if_not_a_failure(error: Exception) -> None:
    """Raise again what another attempt can mend, from under the words that were put around it."""
    if cause := find_cause(error, LeaseLost, DeploymentInterrupted, ServiceUnavailable):
        raise cause
