"""Starting an instance on a target that can hold two of a job."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx
from racetrack_client.client.env import merge_env_vars
from racetrack_client.log.context_error import wrap_context
from racetrack_client.log.logs import get_logger
from racetrack_client.manifest import Manifest
from racetrack_commons.entities.dto import JobStatus

from lifecycle.database.repositories.instances import JobInstance
from lifecycle.deployer.instances import Instance, InstanceDeployer, InstanceSpec
from lifecycle.deployment.attempt.claim import ClaimedDeployment
from lifecycle.deployment.attempt.failure import DeploymentFailed
from lifecycle.deployment.attempt.phases import Phase
from lifecycle.deployment.attempt.state import DeploymentState, get_deployment_timestamp, make_job
from lifecycle.deployment.steps.examples import SmokeTest, is_smoke_test_wanted
from lifecycle.deployment.steps.probe import JobProbe, ProbeLimits
from lifecycle.monitor.base import JobMonitor

logger = get_logger(__name__)

_EVIDENCE_LINES = 20
FamilyTokens = Callable[[str], str]
"""Gives the token of a job family, and makes one when there is none."""
PluginEnv = Callable[[], dict[str, str]]
"""Gives the variables that plugins add to every job."""


@dataclass(frozen=True)
class SideBySideTarget:
    """What is needed of an infrastructure target."""

    deployer: InstanceDeployer
    monitor: JobMonitor | None


class SideBySideProvisioner:
    """Starts an instance, and watches it until it has answered its examples."""

    def __init__(
        self,
        http: httpx.Client,
        limits: ProbeLimits,
        smoke_test: SmokeTest,
        family_tokens: FamilyTokens,
        plugin_env: PluginEnv,
    ) -> None:
        self._http = http
        self._limits = limits
        self._smoke_test = smoke_test
        self._family_tokens = family_tokens
        self._plugin_env = plugin_env

    def provision(
        self,
        claimed: ClaimedDeployment,
        state: DeploymentState,
        known: JobInstance,
        target: SideBySideTarget,
    ) -> JobInstance:
        """Start the instance of this deployment, or adopt the one that an earlier attempt started."""
        with wrap_context("creating job resource"):
            instance = target.deployer.start_instance(self._make_spec(state))
        claimed.set_phase(Phase.STARTING_SERVER)
        with wrap_context("verifying deployed job"):
            try:
                self._verify(claimed, state, instance, target.deployer)
            except DeploymentFailed as error:
                evidence = _read_logs(target, state, instance)
                raise DeploymentFailed(error.cause, evidence, error.hint) from error
        target.deployer.keep_instance(instance.instance_id)
        return known.model_copy(
            update={
                "internal_name": instance.internal_name,
                "replica_internal_names": instance.replica_internal_names,
            }
        )

    def _verify(
        self,
        claimed: ClaimedDeployment,
        state: DeploymentState,
        instance: Instance,
        deployer: InstanceDeployer,
    ) -> None:
        addresses = instance.replica_internal_names or [instance.internal_name]
        probe = JobProbe(
            http=self._http,
            addresses=addresses,
            deployment_timestamp=get_deployment_timestamp(state),
            check_instance=lambda: deployer.check_instance(instance.instance_id),
            pause=claimed.pause,
            monotonic=claimed.clock.monotonic,
        )
        probe.wait_until_alive(self._limits.alive_seconds)
        claimed.set_phase(Phase.INITIALIZING_ENTRYPOINT)
        probe.wait_until_ready(self._limits.ready_seconds)
        if is_smoke_test_wanted(state.manifest):
            self._smoke_test.run(addresses[0])
            deployer.check_instance(instance.instance_id)

    def _make_spec(self, state: DeploymentState) -> InstanceSpec:
        return InstanceSpec(
            instance_id=state.deployment.id,
            manifest=state.manifest,
            image_tag=state.task.image_tag or "",
            image_names=state.task.image_names,
            deployment_timestamp=get_deployment_timestamp(state),
            runtime_env=make_runtime_env(state.manifest, state.secrets.build_env),
            secret_runtime_env=state.secrets.runtime_env,
            family_token=self._family_tokens(state.manifest.name),
            plugin_env=self._plugin_env(),
        )


def make_runtime_env(manifest: Manifest, secret_build_env: dict[str, str]) -> dict[str, str]:
    """Return the variables of a running job: those of the build are blanked unless given again."""
    build_env = merge_env_vars(manifest.build_env, secret_build_env)
    return merge_env_vars(dict.fromkeys(build_env, ""), manifest.runtime_env)


def _read_logs(target: SideBySideTarget, state: DeploymentState, instance: Instance) -> str:
    """Read what the instance logged last; that it can't be read must not hide why it failed."""
    if target.monitor is None:
        return ""
    job = make_job(state, JobStatus.STARTING)
    job.internal_name = instance.internal_name
    job.replica_internal_names = instance.replica_internal_names
    try:
        return target.monitor.read_recent_logs(job, _EVIDENCE_LINES)
    except Exception as error:  # noqa: BLE001 - monitors of plugins raise what they like
        logger.warning(f"the log of instance {instance.instance_id} can't be read: {error}")
        return ""
