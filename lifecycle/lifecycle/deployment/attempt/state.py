"""What every step of a deployment is given."""

from dataclasses import dataclass
from typing import Protocol

from racetrack_client.manifest import Manifest
from racetrack_client.manifest.validate import parse_manifest
from racetrack_client.utils.datamodel import load_yaml_map
from racetrack_commons.entities.dto import DeploymentDto, JobDto, JobStatus
from racetrack_commons.redaction import SecretRedactor

from lifecycle.database.encryption import SecretBox
from lifecycle.database.repositories.deployment_tasks import DeploymentTask, TaskStep
from lifecycle.database.repositories.instances import InstanceState, JobInstance
from lifecycle.deployment.attempt.claim import ClaimedDeployment
from lifecycle.deployment.attempt.secrets import DeploymentSecrets


@dataclass(frozen=True)
class DeploymentState:
    """All that is known of a deployment when a step begins."""

    task: DeploymentTask
    deployment: DeploymentDto
    manifest: Manifest
    secrets: DeploymentSecrets
    mask: SecretRedactor


class Step(Protocol):
    """One step; it may run again after a crash, so doing it twice must do no harm."""

    def run(self, claimed: ClaimedDeployment, state: DeploymentState) -> TaskStep:
        """Do it, store in one transaction that it is done, and return the next step."""


def load_state(claimed: ClaimedDeployment, secret_box: SecretBox) -> DeploymentState:
    """Read what a step needs."""
    task, deployment = claimed.read()
    secrets = DeploymentSecrets.decrypt(task.secrets, secret_box)
    return DeploymentState(
        task=task,
        deployment=deployment,
        manifest=parse_manifest(load_yaml_map(deployment.manifest_yaml)),
        secrets=secrets,
        mask=secrets.mask(),
    )


def make_instance(claimed: ClaimedDeployment, state: DeploymentState) -> JobInstance:
    """Make the instance of a deployment as it is before it is started."""
    return JobInstance(
        id=state.deployment.id,
        job_name=state.manifest.name,
        job_version=state.manifest.version,
        infrastructure_target=state.deployment.infrastructure_target or "",
        state=InstanceState.STARTING,
        image_tag=state.task.image_tag or "",
        create_time=claimed.clock.now(),
    )


def make_job(state: DeploymentState, status: JobStatus) -> JobDto:
    """Make the job that a deployment leads to."""
    timestamp = get_deployment_timestamp(state)
    return JobDto(
        name=state.manifest.name,
        version=state.manifest.version,
        status=status,
        create_time=timestamp,
        update_time=timestamp,
        manifest=state.manifest,
        manifest_yaml=state.deployment.manifest_yaml,
        image_tag=state.task.image_tag,
        deployed_by=state.deployment.deployed_by,
        infrastructure_target=state.deployment.infrastructure_target,
        job_type_version=state.task.job_type_version,
    )


def get_deployment_timestamp(state: DeploymentState) -> int:
    """Return what the job says in `/live`, and the registry as the time of its last update."""
    return state.deployment.create_time
