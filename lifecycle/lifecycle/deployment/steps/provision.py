"""The second step: hand the image to the infrastructure target, and see that the job works there."""

from collections.abc import Callable
from typing import Any

from racetrack_client.log.context_error import ContextError, find_cause, wrap_context
from racetrack_client.log.logs import get_logger
from racetrack_commons.deploy.resource import job_resource_name
from racetrack_commons.entities.dto import ChangeKind, JobDto, JobFamilyDto, JobStatus
from racetrack_commons.plugin.call import safe_call

from lifecycle.config import Config
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.deployer.base import JobDeployer
from lifecycle.deployer.instances import ImageGone, InstanceDeployer
from lifecycle.deployment.attempt.attempt import Attempt
from lifecycle.deployment.attempt.claim import Claim
from lifecycle.deployment.attempt.failure import DeploymentFailed
from lifecycle.deployment.attempt.secrets import save_job_secrets
from lifecycle.deployment.steps.side_by_side import (
    SideBySideProvisioner,
    SideBySideTarget,
    make_runtime_env,
)
from lifecycle.domain.deployment import Phase, TaskKind, TaskStep
from lifecycle.domain.instance import JobInstance
from lifecycle.infrastructure.model import InfrastructureTarget
from lifecycle.infrastructure.registry import InfrastructureRegistry
from lifecycle.maintenance import is_maintenance_mode

logger = get_logger(__name__)

FamilyLookup = Callable[[str], JobFamilyDto]
"""Returns the job family of that name, which it adds when there is none."""


class InPlaceProvisioner:
    """Provisions on targets of older plugins, which hold one instance of a job and replace it.

    It calls their deployer and monitor in the order that plugins have always known.
    """

    def __init__(self, config: Config, plugin_engine: Any, get_family: FamilyLookup) -> None:
        self._config = config
        self._plugin_engine = plugin_engine
        self._get_family = get_family

    def provision(
        self, attempt: Attempt, instance: JobInstance, target: InfrastructureTarget
    ) -> JobInstance:
        """Replace the job on the target and wait until it works; return the instance with its address."""
        deployer = target.job_deployer
        if deployer is None:
            raise DeploymentFailed(f"infrastructure target {target.name} can't deploy jobs")
        name, version = attempt.manifest.name, attempt.manifest.version
        save_job_secrets(deployer, name, version, attempt.secrets)
        with wrap_context("creating job resource"):
            job = self._deploy(attempt, deployer)
        attempt.claim.set_phase(Phase.STARTING_SERVER)
        with wrap_context("verifying deployed job"):
            _check_works(attempt.claim, job, target)
        return instance.model_copy(
            update={
                "internal_name": job.internal_name,
                "replica_internal_names": job.replica_internal_names,
            }
        )

    def _deploy(self, attempt: Attempt, deployer: JobDeployer) -> JobDto:
        job: JobDto = safe_call(
            deployer.deploy_job,
            # Copies, because the code of a plugin may change what it is given.
            manifest=attempt.manifest.model_copy(deep=True),
            config=self._config,
            plugin_engine=self._plugin_engine,
            tag=attempt.task.image_tag or "",
            runtime_env_vars=make_runtime_env(attempt.manifest, attempt.secrets.secret_build_env),
            family=self._get_family(attempt.manifest.name),
            containers_num=max(1, len(attempt.task.image_names)),
            runtime_secret_vars=dict(attempt.secrets.secret_runtime_env),
        )
        return job


class ProvisionStep:
    """Provisions side by side where the target can hold two instances of a job, in place otherwise."""

    def __init__(
        self,
        infrastructure: InfrastructureRegistry,
        side_by_side: SideBySideProvisioner,
        in_place: InPlaceProvisioner,
    ) -> None:
        self._infrastructure = infrastructure
        self._side_by_side = side_by_side
        self._in_place = in_place

    def carry_out(self, attempt: Attempt) -> TaskStep:
        """Start an instance, wait until it works, and store its address; go back to the build if the image is gone."""
        target = self._infrastructure.get(attempt.target_name)
        is_in_place = not isinstance(target.job_deployer, InstanceDeployer)
        instance = attempt.make_instance().model_copy(update={"is_in_place": is_in_place})
        _store_starting(attempt, instance)
        try:
            started = self._provision(attempt, instance, target)
        except ContextError as error:
            if (gone := find_cause(error, ImageGone)) is None:
                raise
            with wrap_context(error.context):
                return _go_back_to_build(attempt, gone)
        with attempt.claim.writing() as uow:
            uow.instances.save(started)
            uow.deployment_tasks.advance(attempt.claim.lease, TaskStep.SWITCH)
        return TaskStep.SWITCH

    def _provision(
        self, attempt: Attempt, instance: JobInstance, target: InfrastructureTarget
    ) -> JobInstance:
        if isinstance(target.job_deployer, InstanceDeployer):
            both = SideBySideTarget(target.job_deployer, target.job_monitor)
            return self._side_by_side.provision(attempt, instance, both)
        return self._in_place.provision(attempt, instance, target)


def _store_starting(attempt: Attempt, instance: JobInstance) -> None:
    """Store the rows that show the job as starting, before anything is started."""
    claim = attempt.claim
    with claim.writing() as uow:
        if is_maintenance_mode(uow):
            raise DeploymentFailed(
                "maintenance mode was switched on meanwhile", hint="deploy again after it"
            )
        _check_resource_name(uow, attempt)
        uow.deployments.set_phase(claim.deployment_id, Phase.CREATING_RESOURCES, claim.now())
        uow.instances.save(instance)
        if uow.jobs.find(attempt.manifest.name, attempt.manifest.version) is None:
            uow.jobs.save(attempt.make_job(JobStatus.STARTING))
            uow.record_change(ChangeKind.JOB, attempt.manifest.name)


def _check_resource_name(uow: UnitOfWork, attempt: Attempt) -> None:
    """Refuse a job whose resource name another job has: in these names, dots become dashes."""
    name, version = attempt.manifest.name, attempt.manifest.version
    wanted = job_resource_name(name, version)
    for job in uow.jobs.list_all():
        is_other = (job.name, job.version) != (name, version)
        if is_other and job_resource_name(job.name, job.version) == wanted:
            raise DeploymentFailed(
                f"job {job} takes the name {wanted} on infrastructure targets already",
                hint="choose another name or version",
            )


def _go_back_to_build(attempt: Attempt, gone: ImageGone) -> TaskStep:
    """Make the build the next step, and explain it in the deployment's warnings.

    Raises `gone` when this deployment has built the image already, and DeploymentFailed when the
    build could bring something else than what the rollback is to restore.
    """
    claim = attempt.claim
    with claim.writing() as uow:
        if uow.deployments.has_build(claim.deployment_id):
            raise gone  # A target that can't find what was built does not find the next one either.
        source = _describe_source(attempt, gone)
        warning = f"{gone.what}: it is built again from {source}"
        redacted = attempt.redactor.redact(warning)
        uow.deployments.append_warnings(claim.deployment_id, redacted, claim.now())
        uow.deployment_tasks.advance(claim.lease, TaskStep.BUILD)
    logger.warning(f"deployment {claim.deployment_id}: {warning}")
    return TaskStep.BUILD


def _describe_source(attempt: Attempt, gone: ImageGone) -> str:
    if attempt.task.source_digest is not None:
        return "the same source"
    remote = attempt.manifest.git.remote
    if attempt.task.kind == TaskKind.ROLLBACK:
        raise DeploymentFailed(
            f"{gone.what}, and {remote} may have changed since it was built",
            hint="deploy the job from the commit that you want to go back to",
        ) from gone
    return f"{remote} as it is now"


def _check_works(claim: Claim, job: JobDto, target: InfrastructureTarget) -> None:
    if target.job_monitor is None:
        return
    target.job_monitor.check_job_condition(
        job, job.update_time, lambda: claim.set_phase(Phase.INITIALIZING_ENTRYPOINT)
    )
