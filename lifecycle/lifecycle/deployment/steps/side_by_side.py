"""Provisioning side by side: start an instance beside the serving one, probe it, call its examples."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from racetrack_client.client.env import merge_env_vars
from racetrack_client.log.context_error import wrap_context
from racetrack_client.log.logs import get_logger
from racetrack_client.manifest import Manifest
from racetrack_commons.entities.dto import JobStatus

from lifecycle.deployer.instances import InstanceDeployer
from lifecycle.deployer.resources import make_thread_ceilings
from lifecycle.deployment.attempt.attempt import Attempt
from lifecycle.deployment.attempt.failure import DeploymentFailed
from lifecycle.domain.deployment import Phase
from lifecycle.domain.instance import Instance, InstanceSpec, JobInstance
from lifecycle.monitor.base import JobMonitor
from lifecycle.monitor.health import JobNotHealthy, JobProber, ProbeLimits, ProbePace

logger = get_logger(__name__)

HINT = (
    "fix the job or its documented example;"
    " `smoke_test: false` in job.yaml deploys without calling the examples"
)
_EVIDENCE_LINES = 20
_SHOWN_CHARACTERS = 500
FamilyTokens = Callable[[str], str]
"""Returns the token of a job family, which it makes when there is none."""
PluginEnv = Callable[[], dict[str, str]]
"""Returns the variables that plugins add to every job."""


@dataclass(frozen=True)
class SideBySideTarget:
    """The parts of an infrastructure target that start and watch an instance."""

    deployer: InstanceDeployer
    monitor: JobMonitor | None


class ExampleCaller:
    """Calls each documented endpoint of a new instance with its example: the smoke test."""

    def __init__(self, http: httpx.Client, timeout_seconds: float) -> None:
        self._http = http
        self._timeout_seconds = timeout_seconds

    def call_examples(self, address: str) -> None:
        """Call the examples of the job at `address`; raise DeploymentFailed when one fails."""
        base_url = f"http://{address}"
        for endpoint, example in self._fetch_examples(base_url).items():
            self._call_example(base_url, endpoint, example)

    def _fetch_examples(self, base_url: str) -> dict[str, Any]:
        try:
            response = self._http.get(f"{base_url}/api/v1/examples", timeout=self._timeout_seconds)
            examples = json.loads(response.content) if response.status_code == 200 else {}
        except (httpx.TransportError, ValueError):
            return {}  # Not every job type documents examples.
        return examples if isinstance(examples, dict) else {}

    def _call_example(self, base_url: str, endpoint: str, example: object) -> None:
        path = endpoint if endpoint.startswith("/api/") else f"/api/v1/{endpoint.lstrip('/')}"
        try:
            response = self._http.post(
                f"{base_url}{path}", json=example, timeout=self._timeout_seconds
            )
        except httpx.TimeoutException as error:
            raise DeploymentFailed(
                f"smoke test: POST {path} with its documented example gave no answer"
                f" within {self._timeout_seconds:g} s",
                hint=HINT,
            ) from error
        except httpx.TransportError as error:
            raise DeploymentFailed(
                f"smoke test: POST {path} with its documented example broke off: {error}", hint=HINT
            ) from error
        if not response.is_success:
            body = response.text
            shown = body if len(body) <= _SHOWN_CHARACTERS else f"{body[:_SHOWN_CHARACTERS]}…"
            raise DeploymentFailed(
                f"smoke test: POST {path} with its documented example"
                f" answered {response.status_code}: {shown}",
                hint=HINT,
            )


class SideBySideProvisioner:
    """Starts an instance, and watches it until it has answered its examples."""

    def __init__(
        self,
        http: httpx.Client,
        limits: ProbeLimits,
        examples: ExampleCaller,
        family_tokens: FamilyTokens,
        plugin_env: PluginEnv,
    ) -> None:
        self._http = http
        self._limits = limits
        self._examples = examples
        self._family_tokens = family_tokens
        self._plugin_env = plugin_env

    def provision(
        self, attempt: Attempt, instance: JobInstance, target: SideBySideTarget
    ) -> JobInstance:
        """Start the instance, or adopt the one that an earlier attempt started; return it with its address."""
        with wrap_context("creating job resource"):
            started = target.deployer.start_instance(self._make_spec(attempt))
        attempt.claim.set_phase(Phase.STARTING_SERVER)
        with wrap_context("verifying deployed job"):
            try:
                self._check_works(attempt, started, target.deployer)
            except (JobNotHealthy, DeploymentFailed) as error:
                evidence = _read_logs(attempt, started, target)
                raise DeploymentFailed(error.cause, evidence, error.hint) from error
        target.deployer.keep_instance(started.instance_id)
        return instance.model_copy(
            update={
                "internal_name": started.internal_name,
                "replica_internal_names": started.replica_internal_names,
            }
        )

    def _check_works(
        self, attempt: Attempt, instance: Instance, deployer: InstanceDeployer
    ) -> None:
        def check_running() -> None:
            deployer.check_instance(instance.instance_id)

        claim = attempt.claim
        addresses = instance.replica_internal_names or [instance.internal_name]
        prober = JobProber(
            self._http,
            [f"http://{address}" for address in addresses],
            attempt.timestamp,
            ProbePace(check_running, claim.pause, claim.monotonic),
        )
        prober.wait_until_alive(self._limits.alive_seconds)
        claim.set_phase(Phase.INITIALIZING_ENTRYPOINT)
        prober.wait_until_ready(self._limits.ready_seconds)
        if _is_smoke_test_wanted(attempt.manifest):
            self._examples.call_examples(addresses[0])
            check_running()

    def _make_spec(self, attempt: Attempt) -> InstanceSpec:
        return InstanceSpec(
            instance_id=attempt.deployment.id,
            manifest=attempt.manifest,
            image_tag=attempt.task.image_tag or "",
            image_names=attempt.task.image_names,
            deployment_timestamp=attempt.timestamp,
            runtime_env=make_runtime_env(attempt.manifest, attempt.secrets.secret_build_env),
            secret_runtime_env=attempt.secrets.secret_runtime_env,
            family_token=self._family_tokens(attempt.manifest.name),
            plugin_env=self._plugin_env(),
        )


def make_runtime_env(manifest: Manifest, secret_build_env: dict[str, str]) -> dict[str, str]:
    """Return the variables of a running job: those of the build are blank, ceilings of threads yield to the manifest's."""
    build_env = merge_env_vars(manifest.build_env, secret_build_env)
    given = merge_env_vars(dict.fromkeys(build_env, ""), make_thread_ceilings(manifest))
    return merge_env_vars(given, manifest.runtime_env)


def _is_smoke_test_wanted(manifest: Manifest) -> bool:
    """Return whether the examples may be called; older clients accept the key only in `jobtype_extra`."""
    return manifest.smoke_test and manifest.get_jobtype_extra().get("smoke_test") is not False


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
