"""The last step: keep the secrets for later, call the hooks of plugins, and be done."""

from typing import Any

from racetrack_client.log.context_error import wrap_context
from racetrack_commons.entities.dto import DeploymentStatus
from racetrack_commons.plugin.core import PluginCore

from lifecycle.database.repositories.deployment_tasks import TaskKind, TaskStep
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployment.attempt.claim import ClaimedDeployment
from lifecycle.deployment.attempt.phases import Phase
from lifecycle.deployment.attempt.secrets import save_job_secrets
from lifecycle.deployment.attempt.state import DeploymentState
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
        if state.task.kind == TaskKind.MOVE:
            claimed.set_phase(Phase.CLEARING_FORMER_TARGET)
            self._invoke_hooks_of_former_targets(state)
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

    def _invoke_hooks_of_former_targets(self, state: DeploymentState) -> None:
        """Tell plugins about the places that the job left; the reaper clears them once they drained."""
        with self._unit_of_work.reading() as uow:
            job = uow.jobs.get(state.manifest.name, state.manifest.version)
            instances = uow.instances.list_of_job(job.name, job.version)
        for former in instances:
            if former.infrastructure_target == job.infrastructure_target:
                continue
            there = {
                "infrastructure_target": former.infrastructure_target,
                "internal_name": former.internal_name,
                "replica_internal_names": former.replica_internal_names,
            }
            self._plugin_engine.invoke_plugin_hook(
                PluginCore.post_job_delete,
                job.model_copy(update=there),
                username_executor=state.deployment.deployed_by,
            )
