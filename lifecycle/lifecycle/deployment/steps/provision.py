"""The second step: start an instance beside the serving one, and see that it works."""

from racetrack_client.log.context_error import ContextError, find_cause, wrap_context
from racetrack_client.log.logs import get_logger
from racetrack_commons.deploy.resource import job_resource_name
from racetrack_commons.entities.dto import ChangeKind, JobStatus

from lifecycle.database.repositories.deployment_tasks import TaskKind, TaskStep
from lifecycle.database.repositories.instances import JobInstance
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.deployer.instances import ImageGone, InstanceDeployer
from lifecycle.deployment.attempt.claim import ClaimedDeployment
from lifecycle.deployment.attempt.failure import DeploymentFailed
from lifecycle.deployment.attempt.phases import Phase
from lifecycle.deployment.attempt.state import DeploymentState, make_instance, make_job
from lifecycle.deployment.steps.in_place import InPlaceProvisioner
from lifecycle.deployment.steps.side_by_side import SideBySideProvisioner, SideBySideTarget
from lifecycle.infrastructure.registry import InfrastructureRegistry
from lifecycle.maintenance import is_maintenance_mode

logger = get_logger(__name__)


class ProvisionStep:
    """Hands the image to the infrastructure target, the way the target can take it."""

    def __init__(
        self,
        infrastructure: InfrastructureRegistry,
        side_by_side: SideBySideProvisioner,
        in_place: InPlaceProvisioner,
    ) -> None:
        self._infrastructure = infrastructure
        self._side_by_side = side_by_side
        self._in_place = in_place

    def run(self, claimed: ClaimedDeployment, state: DeploymentState) -> TaskStep:
        """Start an instance, wait until it works, and remember where it is; build first when the image is gone."""
        self._prepare(claimed, state)
        try:
            instance = self._provision(claimed, state)
        except ContextError as error:
            if (gone := find_missing_image(error)) is None:
                raise
            with wrap_context(error.context):
                return go_back_to_build(claimed, state, gone)
        with claimed.writing() as uow:
            uow.instances.save(instance)
            uow.deployment_tasks.advance(claimed.lease, TaskStep.SWITCH)
        return TaskStep.SWITCH

    def _prepare(self, claimed: ClaimedDeployment, state: DeploymentState) -> None:
        """Make the rows that show what is being started, before anything is."""
        with claimed.writing() as uow:
            if is_maintenance_mode(uow):
                raise DeploymentFailed(
                    "maintenance mode was switched on meanwhile", hint="deploy again after it"
                )
            _check_resource_name(uow, state)
            uow.deployments.set_phase(
                claimed.deployment_id, Phase.CREATING_RESOURCES, claimed.clock.now()
            )
            uow.instances.save(make_instance(claimed, state))
            name, version = state.manifest.name, state.manifest.version
            if uow.jobs.find(name, version) is None:
                uow.jobs.save(make_job(state, JobStatus.STARTING))
                uow.record_change(ChangeKind.JOB, name)

    def _provision(self, claimed: ClaimedDeployment, state: DeploymentState) -> JobInstance:
        target = self._infrastructure.get(state.deployment.infrastructure_target or "")
        known = make_instance(claimed, state)
        if isinstance(target.job_deployer, InstanceDeployer):
            both = SideBySideTarget(target.job_deployer, target.job_monitor)
            return self._side_by_side.provision(claimed, state, known, both)
        return self._in_place.provision(claimed, state, known, target)


def _check_resource_name(uow: UnitOfWork, state: DeploymentState) -> None:
    """Dots become dashes in names of resources: two jobs may want the same one."""
    name, version = state.manifest.name, state.manifest.version
    wanted = job_resource_name(name, version)
    for job in uow.jobs.list_all():
        is_other = (job.name, job.version) != (name, version)
        if is_other and job_resource_name(job.name, job.version) == wanted:
            raise DeploymentFailed(
                f"job {job} takes the name {wanted} on infrastructure targets already",
                hint="choose another name or version",
            )


def find_missing_image(error: BaseException) -> ImageGone | None:
    """Find, below the words that were put around an error, that an image is gone."""
    return find_cause(error, ImageGone)


def go_back_to_build(
    claimed: ClaimedDeployment, state: DeploymentState, gone: ImageGone
) -> TaskStep:
    """Have the image built from what it was built from, and tell so in the deployment's warnings.

    Raises `gone` when it was built just now, and DeploymentFailed when a rollback could only bring something else.
    """
    with claimed.writing() as uow:
        if uow.deployments.has_build(claimed.deployment_id):
            raise gone  # A target that can't find what was built does not find the next one either.
        source = _describe_source(state, gone)
        warning = f"{gone.what}: it is built again from {source}"
        now = claimed.clock.now()
        uow.deployments.append_warnings(claimed.deployment_id, state.mask.redact(warning), now)
        uow.deployment_tasks.advance(claimed.lease, TaskStep.BUILD)
    logger.warning(f"deployment {claimed.deployment_id}: {warning}")
    return TaskStep.BUILD


def _describe_source(state: DeploymentState, gone: ImageGone) -> str:
    if state.task.source_digest is not None:
        return "the same source"
    remote = state.manifest.git.remote
    if state.task.kind == TaskKind.ROLLBACK:
        raise DeploymentFailed(
            f"{gone.what}, and {remote} may have changed since it was built",
            hint="deploy the job from the commit that you want to go back to",
        ) from gone
    return f"{remote} as it is now"
