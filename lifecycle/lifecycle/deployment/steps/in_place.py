"""Deploying to targets of older plugins: they hold one instance of a job, and replace it."""

from collections.abc import Callable
from typing import Any

from racetrack_client.log.context_error import wrap_context
from racetrack_commons.entities.dto import JobDto, JobFamilyDto
from racetrack_commons.plugin.call import safe_call

from lifecycle.config import Config
from lifecycle.database.repositories.instances import JobInstance
from lifecycle.deployer.base import JobDeployer
from lifecycle.deployment.attempt.claim import ClaimedDeployment
from lifecycle.deployment.attempt.failure import DeploymentFailed
from lifecycle.deployment.attempt.phases import Phase
from lifecycle.deployment.attempt.secrets import save_job_secrets
from lifecycle.deployment.attempt.state import DeploymentState
from lifecycle.deployment.steps.side_by_side import make_runtime_env
from lifecycle.infrastructure.model import InfrastructureTarget

Families = Callable[[str], JobFamilyDto]
"""Gives the record of a job family, and makes one when there is none."""


class InPlaceProvisioner:
    """Calls a plugin's deployer and monitor as they have always been called."""

    def __init__(self, config: Config, plugin_engine: Any, families: Families) -> None:
        self._config = config
        self._plugin_engine = plugin_engine
        self._families = families

    def provision(
        self,
        claimed: ClaimedDeployment,
        state: DeploymentState,
        known: JobInstance,
        target: InfrastructureTarget,
    ) -> JobInstance:
        """Replace the job on the target, and wait until it works."""
        deployer = target.job_deployer
        if deployer is None:
            raise DeploymentFailed(f"infrastructure target {target.name} can't deploy jobs")
        save_job_secrets(deployer, state.manifest.name, state.manifest.version, state.secrets)
        with wrap_context("creating job resource"):
            job = self._deploy(state, deployer)
        claimed.set_phase(Phase.STARTING_SERVER)
        with wrap_context("verifying deployed job"):
            self._verify(claimed, job, target)
        return known.model_copy(
            update={
                "internal_name": job.internal_name,
                "replica_internal_names": job.replica_internal_names,
            }
        )

    def _deploy(self, state: DeploymentState, deployer: JobDeployer) -> JobDto:
        job: JobDto = safe_call(
            deployer.deploy_job,
            manifest=state.manifest,
            config=self._config,
            plugin_engine=self._plugin_engine,
            tag=state.task.image_tag or "",
            runtime_env_vars=make_runtime_env(state.manifest, state.secrets.build_env),
            family=self._families(state.manifest.name),
            containers_num=max(1, len(state.task.image_names)),
            runtime_secret_vars=state.secrets.runtime_env,
        )
        return job

    def _verify(
        self, claimed: ClaimedDeployment, job: JobDto, target: InfrastructureTarget
    ) -> None:
        if target.job_monitor is None:
            return
        target.job_monitor.check_job_condition(
            job, job.update_time, lambda: claimed.set_phase(Phase.INITIALIZING_ENTRYPOINT)
        )
