"""Provisioning in place: targets of older plugins hold one instance of a job, and replace it."""

from collections.abc import Callable
from typing import Any

from racetrack_client.log.context_error import wrap_context
from racetrack_commons.entities.dto import JobDto, JobFamilyDto
from racetrack_commons.plugin.call import safe_call

from lifecycle.config import Config
from lifecycle.deployer.base import JobDeployer
from lifecycle.deployment.attempt.attempt import Attempt
from lifecycle.deployment.attempt.claim import Claim
from lifecycle.deployment.attempt.failure import DeploymentFailed
from lifecycle.deployment.attempt.secrets import save_job_secrets
from lifecycle.deployment.steps.side_by_side import make_runtime_env
from lifecycle.domain.deployment import Phase
from lifecycle.domain.instance import JobInstance
from lifecycle.infrastructure.model import InfrastructureTarget

FamilyLookup = Callable[[str], JobFamilyDto]
"""Returns the job family of that name, which it adds when there is none."""


class InPlaceProvisioner:
    """Calls a plugin's deployer and monitor in the order that plugins have always known."""

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
            manifest=attempt.manifest,
            config=self._config,
            plugin_engine=self._plugin_engine,
            tag=attempt.task.image_tag or "",
            runtime_env_vars=make_runtime_env(attempt.manifest, attempt.secrets.secret_build_env),
            family=self._get_family(attempt.manifest.name),
            containers_num=max(1, len(attempt.task.image_names)),
            runtime_secret_vars=attempt.secrets.secret_runtime_env,
        )
        return job


def _check_works(claim: Claim, job: JobDto, target: InfrastructureTarget) -> None:
    if target.job_monitor is None:
        return
    target.job_monitor.check_job_condition(
        job, job.update_time, lambda: claim.set_phase(Phase.INITIALIZING_ENTRYPOINT)
    )
