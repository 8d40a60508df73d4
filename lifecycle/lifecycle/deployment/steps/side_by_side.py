"""Provisioning side by side: start an instance beside the serving one, probe it, call its examples."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import httpx
from racetrack_client.client.env import merge_env_vars
from racetrack_client.log.context_error import ContextError, find_cause, wrap_context
from racetrack_client.log.logs import get_logger
from racetrack_client.manifest import Manifest
from racetrack_commons.entities.dto import JobStatus

from lifecycle.deployer.instances import InstanceDeployer, JobCrashed
from lifecycle.deployer.resources import make_thread_ceilings
from lifecycle.deployment.attempt.attempt import Attempt
from lifecycle.deployment.attempt.failure import DeploymentFailed
from lifecycle.deployment.steps.smoke_test import (
    ExampleCaller,
    ExampleFailed,
    JobAddress,
    is_smoke_test_wanted,
)
from lifecycle.domain.deployment import Phase
from lifecycle.domain.instance import Instance, InstanceSpec, JobInstance
from lifecycle.monitor.base import JobMonitor
from lifecycle.monitor.health import (
    JobNotHealthy,
    JobProber,
    LiveIdentity,
    ProbeLimits,
    ProbePace,
)

logger = get_logger(__name__)

_MOST_ADDRESSES = 3
_EVIDENCE_LINES = 20
FamilyTokens = Callable[[str], str]
"""Returns the token of a job family, which it makes when there is none."""
InstanceSecret = Callable[[str], str]
"""Returns the secret of the instance of that id."""
PluginEnv = Callable[[], dict[str, str]]
"""Returns the variables that plugins add to every job."""


@dataclass(frozen=True)
class SideBySideTarget:
    """The parts of an infrastructure target that start and watch an instance."""

    deployer: InstanceDeployer
    monitor: JobMonitor | None


class _AddressLost(DeploymentFailed):
    """Another program holds the address that an instance was to have."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(
            f"another program took the job's address {instance.internal_name} meanwhile",
            hint="deploy again; does another Racetrack on this machine use the same ports?",
        )
        self.instance_id = instance.instance_id


@dataclass(frozen=True)
class SideBySideProvisioner:
    """Starts an instance, and watches it until it has answered its examples."""

    http: httpx.Client
    limits: ProbeLimits
    examples: ExampleCaller
    family_tokens: FamilyTokens
    instance_secret: InstanceSecret
    plugin_env: PluginEnv

    def provision(
        self, attempt: Attempt, instance: JobInstance, target: SideBySideTarget
    ) -> JobInstance:
        """Start the instance, or adopt the one that an earlier attempt started; return it with its address."""
        started = self._start_somewhere(attempt, target)
        for warning in target.deployer.list_unmet_wishes(attempt.manifest):
            attempt.store_warning(warning)
        target.deployer.keep_instance(started.instance_id)
        return instance.model_copy(
            update={
                "internal_name": started.internal_name,
                "replica_internal_names": started.replica_internal_names,
                "proves_itself": started.proves_itself,
            }
        )

    def _start_somewhere(self, attempt: Attempt, target: SideBySideTarget) -> Instance:
        """Start the instance at an address that no other program takes meanwhile."""
        for _ in range(_MOST_ADDRESSES - 1):
            try:
                return self._start(attempt, target)
            except ContextError as error:
                lost = find_cause(error, _AddressLost)
                if lost is None:
                    raise
                logger.warning(f"instance {lost.instance_id} gets another address: {lost.cause}")
                target.deployer.stop_instance(lost.instance_id, grace_seconds=0)
        return self._start(attempt, target)

    def _start(self, attempt: Attempt, target: SideBySideTarget) -> Instance:
        """Start the instance and check it; raise _AddressLost when another program holds its address."""
        with wrap_context("creating job resource"):
            started = target.deployer.start_instance(self._make_spec(attempt))
        attempt.claim.set_phase(Phase.STARTING_SERVER)
        with wrap_context("verifying deployed job"):
            try:
                return self._prove(attempt, started, target.deployer)
            except (JobNotHealthy, DeploymentFailed, JobCrashed) as error:
                if target.deployer.has_lost_address(started.instance_id):
                    raise _AddressLost(started) from error
                if isinstance(error, JobCrashed):
                    raise
                evidence = _read_logs(attempt, started, target)
                raise DeploymentFailed(error.cause, evidence, error.hint) from error

    def _prove(self, attempt: Attempt, instance: Instance, deployer: InstanceDeployer) -> Instance:
        """Wait until the instance has answered its probes and examples; return it with what it has proven."""

        def check_running() -> None:
            deployer.check_instance(instance.instance_id)

        claim, secret = attempt.claim, self.instance_secret(instance.instance_id)
        addresses = instance.replica_internal_names or [instance.internal_name]
        prober = JobProber(
            self.http,
            [f"http://{address}" for address in addresses],
            LiveIdentity(attempt.timestamp, secret, settling_seconds=deployer.settling_seconds),
            ProbePace(
                check_running,
                lambda: deployer.has_started(instance.instance_id),
                claim.pause,
                claim.monotonic,
            ),
        )
        prober.wait_until_alive(self.limits.alive_seconds)
        is_proven = prober.is_proven()
        if not is_proven and deployer.has_lost_address(instance.instance_id):
            raise JobNotHealthy("another program answers at the job's address")
        claim.set_phase(Phase.INITIALIZING_ENTRYPOINT)
        prober.wait_until_ready(self.limits.ready_seconds)
        if is_smoke_test_wanted(attempt.manifest):
            shown = secret if is_proven else ""
            self._call_examples(attempt, JobAddress(addresses[0], shown), check_running)
        # Whatever answered the examples, the instance itself must be alive after them.
        prober.wait_until_alive(self.limits.alive_seconds)
        return replace(instance, proves_itself=is_proven)

    def _call_examples(
        self, attempt: Attempt, address: JobAddress, check_running: Callable[[], None]
    ) -> None:
        """Call the examples; a failure that a grant or setting may cure is a warning if the job replaces nothing."""
        try:
            self.examples.call_examples(address, attempt.manifest)
        except ExampleFailed as failure:
            check_running()  # A crash is the better explanation of a call that failed.
            if not failure.remedy or _has_serving_version(attempt):
                raise
            attempt.store_warning(
                f"{failure.cause}. The job is live all the same: {failure.remedy}"
            )

    def _make_spec(self, attempt: Attempt) -> InstanceSpec:
        return InstanceSpec(
            instance_id=attempt.deployment.id,
            manifest=attempt.manifest,
            image_tag=attempt.task.image_tag or "",
            image_names=attempt.task.image_names,
            deployment_timestamp=attempt.timestamp,
            runtime_env=make_runtime_env(attempt.manifest, attempt.secrets.secret_build_env),
            secret_runtime_env=attempt.secrets.secret_runtime_env,
            family_token=self.family_tokens(attempt.manifest.name),
            instance_secret=self.instance_secret(attempt.deployment.id),
            plugin_env=self.plugin_env(),
        )


def make_runtime_env(manifest: Manifest, secret_build_env: dict[str, str]) -> dict[str, str]:
    """Return the variables of a running job: those of the build are blank, the platform's yield to the manifest's."""
    build_env = merge_env_vars(manifest.build_env, secret_build_env)
    given = {
        **make_thread_ceilings(manifest),
        "JOB_GRACE_SECONDS": str(math.ceil(manifest.drain_seconds)),
    }
    return merge_env_vars(merge_env_vars(dict.fromkeys(build_env, ""), given), manifest.runtime_env)


def _has_serving_version(attempt: Attempt) -> bool:
    """Return whether calls of the family, perhaps by `latest`, have answers that the new instance could spoil."""
    with attempt.claim.writing() as uow:
        versions = uow.jobs.list_family(attempt.manifest.name)
        return any(uow.instances.find_serving_id(job.name, job.version) for job in versions)


def _read_logs(attempt: Attempt, instance: Instance, target: SideBySideTarget) -> str:
    """Return the last log lines; an error while reading them must not hide why the instance failed."""
    if target.monitor is None:
        return ""
    job = attempt.make_job(JobStatus.STARTING)
    job.internal_name = instance.internal_name
    job.replica_internal_names = instance.replica_internal_names
    try:
        return target.monitor.read_recent_logs(job, _EVIDENCE_LINES)
    except Exception as error:  # noqa: BLE001 - monitors of plugins raise any error
        logger.warning(f"the log of instance {instance.instance_id} can't be read: {error}")
        return ""
