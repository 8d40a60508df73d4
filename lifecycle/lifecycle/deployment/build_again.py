"""Building again what a deployment was to start, when its image has disappeared."""

from racetrack_client.log.context_error import find_cause
from racetrack_client.log.logs import get_logger

from lifecycle.database.repositories.deployment_tasks import TaskKind, TaskStep
from lifecycle.deployer.instances import ImageGone
from lifecycle.deployment.failure import DeploymentFailed
from lifecycle.deployment.step import DeploymentState
from lifecycle.deployment.work import ClaimedDeployment

logger = get_logger(__name__)


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
