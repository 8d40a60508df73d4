"""The rows that a deployment makes."""

from racetrack_commons.entities.dto import JobDto, JobStatus

from lifecycle.database.repositories.instances import InstanceState, JobInstance
from lifecycle.deployment.step import DeploymentState
from lifecycle.deployment.work import ClaimedDeployment


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
