"""The last step: keep the secrets for later, call the hooks of plugins, and be done."""

from typing import Any

from racetrack_client.log.context_error import wrap_context
from racetrack_commons.entities.dto import DeploymentStatus
from racetrack_commons.plugin.core import PluginCore

from lifecycle.database.repositories.deployment_tasks import TaskKind, TaskStep
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployment.secrets import save_job_secrets
from lifecycle.deployment.step import DeploymentState
from lifecycle.deployment.work import ClaimedDeployment
from lifecycle.infrastructure.registry import InfrastructureRegistry


class FinishStep:
    """Ends a deployment whose job serves already; a hook that fails can't undo that."""

    def __init__(
        self,
        unit_of_work: UnitOfWorkFactory,
        infrastructure: InfrastructureRegistry,
        plugin_engine: Any,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._infrastructure = infrastructure
        self._plugin_engine = plugin_engine

    def run(self, claimed: ClaimedDeployment, state: DeploymentState) -> TaskStep:
        """Finish."""
        if state.task.kind != TaskKind.BUILD:
            self._save_secrets(state)
            with wrap_context("invoking post-deploy actions"):
                self._invoke_hooks(state)
        with claimed.writing() as uow:
            now = claimed.clock.now()
            uow.deployments.end(claimed.deployment_id, DeploymentStatus.DONE, None, now)
            if state.task.kind == TaskKind.BUILD:
                uow.deployment_tasks.end(claimed.lease)
            else:
                uow.deployment_tasks.end_restorable(claimed.lease)
        return TaskStep.ENDED

    def _save_secrets(self, state: DeploymentState) -> None:
        target = self._infrastructure.get(state.deployment.infrastructure_target or "")
        if target.job_deployer is not None:
            name, version = state.manifest.name, state.manifest.version
            save_job_secrets(target.job_deployer, name, version, state.secrets)

    def _invoke_hooks(self, state: DeploymentState) -> None:
        with self._unit_of_work.reading() as uow:
            job = uow.jobs.get(state.manifest.name, state.manifest.version)
        self._plugin_engine.invoke_plugin_hook(
            PluginCore.post_job_deploy,
            state.manifest,
            job,
            state.deployment.image_name,
            deployer_username=state.deployment.deployed_by,
        )
