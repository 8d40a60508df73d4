"""The last step: keep the job's secrets for redeployments, call the hooks of plugins, end the deployment."""

from typing import Any

from racetrack_client.log.context_error import wrap_context
from racetrack_commons.plugin.core import PluginCore

from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployer.instances import InstanceDeployer
from lifecycle.deployment.attempt.attempt import Attempt
from lifecycle.deployment.attempt.secrets import save_job_secrets
from lifecycle.domain.deployment import Phase, TaskKind, TaskStep
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

    def carry_out(self, attempt: Attempt) -> TaskStep:
        """Save secrets, call hooks, then mark the deployment as done."""
        claim, kind = attempt.claim, attempt.task.kind
        if kind != TaskKind.BUILD:
            self._save_secrets(attempt)
            with wrap_context("invoking post-deploy actions"):
                self._invoke_deploy_hooks(attempt)
        if kind == TaskKind.MOVE:
            claim.set_phase(Phase.CLEARING_FORMER_TARGET)
            self._invoke_delete_hooks(attempt)
        with claim.writing() as uow:
            if kind == TaskKind.BUILD:
                uow.deployment_tasks.end_done(claim.lease, claim.now())
            else:
                uow.deployment_tasks.end_restorable(claim.lease, claim.now())
        return TaskStep.ENDED

    def _save_secrets(self, attempt: Attempt) -> None:
        deployer = self._infrastructure.get(attempt.target_name).job_deployer
        if isinstance(deployer, InstanceDeployer):  # In place, they were saved before the start.
            name, version = attempt.manifest.name, attempt.manifest.version
            save_job_secrets(deployer, name, version, attempt.secrets)

    def _invoke_deploy_hooks(self, attempt: Attempt) -> None:
        with self._unit_of_work.reading() as uow:
            job = uow.jobs.get(attempt.manifest.name, attempt.manifest.version)
            deployment = uow.deployments.get(attempt.deployment.id)
        self._plugin_engine.invoke_plugin_hook(
            PluginCore.post_job_deploy,
            attempt.manifest,
            job,
            deployment.image_name,
            deployer_username=deployment.deployed_by,
        )

    def _invoke_delete_hooks(self, attempt: Attempt) -> None:
        """Tell plugins about the targets that the job left; the reaper clears these once they have drained."""
        with self._unit_of_work.reading() as uow:
            job = uow.jobs.get(attempt.manifest.name, attempt.manifest.version)
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
                username_executor=attempt.deployment.deployed_by,
            )
