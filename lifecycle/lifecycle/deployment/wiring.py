"""The use cases and threads of deployments, put together for Lifecycle and its supervisor."""

import asyncio
import threading
from dataclasses import dataclass

import httpx
from racetrack_client.log.logs import get_logger
from racetrack_commons.entities.dto import JobFamilyDto
from racetrack_commons.plugin.core import PluginCore
from racetrack_commons.plugin.engine import PluginEngine

from lifecycle.auth.tokens import Tokens
from lifecycle.core import Core
from lifecycle.deployment.attempt.failure import DeploymentFailed
from lifecycle.deployment.requests.cancel import DeploymentCanceller
from lifecycle.deployment.requests.delete import JobDeleter
from lifecycle.deployment.requests.kept_secrets import ManifestEditor
from lifecycle.deployment.requests.redo import ExistingJobs
from lifecycle.deployment.requests.rollback import JobRollback
from lifecycle.deployment.requests.submit import DeploymentSubmitter, DeploymentWaiter
from lifecycle.deployment.runner import DeploymentRunner, Step
from lifecycle.deployment.steps.build import BuildStep
from lifecycle.deployment.steps.finish import FinishStep
from lifecycle.deployment.steps.provision import InPlaceProvisioner, ProvisionStep
from lifecycle.deployment.steps.side_by_side import SideBySideProvisioner
from lifecycle.deployment.steps.smoke_test import ExampleCaller
from lifecycle.deployment.steps.switch import SwitchStep
from lifecycle.deployment.upkeep.reaper import InstanceReaper, ReaperThread
from lifecycle.deployment.worker import DeploymentWorker, WorkerSettings
from lifecycle.domain.deployment import TaskStep
from lifecycle.monitor.health import ProbeLimits

logger = get_logger(__name__)


@dataclass(frozen=True)
class DeploymentServices:
    """The use cases of deployments, and the threads that carry deployments on."""

    submitter: DeploymentSubmitter
    existing_jobs: ExistingJobs
    manifests: ManifestEditor
    rollback: JobRollback
    deleter: JobDeleter
    canceller: DeploymentCanceller
    waiter: DeploymentWaiter
    worker: DeploymentWorker
    reaper: InstanceReaper
    reaper_thread: ReaperThread
    http: httpx.Client
    stopping: threading.Event

    def start(self) -> None:
        """Start the threads of Lifecycle, which carries deployments on and stops the instances that they replaced."""
        self.worker.start()
        self.reaper_thread.start()

    def start_worker(self) -> None:
        """Start what carries deployments on, as any service may.

        The instances that they replaced go on until Lifecycle is there: without it, gateways know of no switch.
        """
        self.worker.start()

    async def reconcile_and_wait(self) -> None:
        """Start every lost job again and wait; a failure is logged, and shown by its deployment."""
        for deployment_id in await asyncio.to_thread(self.existing_jobs.reconcile):
            try:
                await self.waiter.wait(deployment_id)
            except DeploymentFailed as error:
                logger.error(f"a lost job could not be started again: {error}")

    def stop(self) -> None:
        """End the threads; another process, or this one after its restart, continues their deployments."""
        self.stopping.set()
        self.worker.stop()
        self.reaper_thread.stop()
        self.http.close()


def create_deployments(
    core: Core,
    worker: WorkerSettings | None = None,
    job_transport: httpx.BaseTransport | None = None,
) -> DeploymentServices:
    """Build the services that deploy jobs; the caller starts and stops them.

    Without `worker`, the configuration says how the worker works; without `job_transport`, jobs
    are called over the network.
    """
    config, clock = core.config, core.clock
    stopping = threading.Event()
    http = httpx.Client(trust_env=False, transport=job_transport)
    reaper = InstanceReaper(core.unit_of_work, core.infrastructure, clock)
    reaper_thread = ReaperThread(reaper)
    canceller = DeploymentCanceller(core, reaper)
    runner = DeploymentRunner(
        _make_steps(core, http, reaper_thread),
        core.secret_box,
        reaper,
        core.metrics,
        canceller.free,
    )
    settings = worker or WorkerSettings(
        slots=config.deployment_workers, lease_seconds=config.lease_seconds
    )
    deployment_worker = DeploymentWorker(runner, core.unit_of_work, clock, settings)
    return DeploymentServices(
        submitter=DeploymentSubmitter(core, deployment_worker.wake),
        existing_jobs=ExistingJobs(core, deployment_worker.wake),
        manifests=ManifestEditor(core),
        rollback=JobRollback(core, deployment_worker.wake),
        deleter=JobDeleter(core, reaper),
        canceller=canceller,
        waiter=DeploymentWaiter(core.unit_of_work, clock, stopping),
        worker=deployment_worker,
        reaper=reaper,
        reaper_thread=reaper_thread,
        http=http,
        stopping=stopping,
    )


def _make_steps(
    core: Core, http: httpx.Client, reaper_thread: ReaperThread
) -> dict[TaskStep, Step]:
    config = core.config
    provision = ProvisionStep(
        core.infrastructure,
        _make_side_by_side(core, http),
        InPlaceProvisioner(config, core.plugins, JobFamilies(core).get_or_add),
    )
    return {
        TaskStep.BUILD: BuildStep(core.image_builder, config.image_registry),
        TaskStep.PROVISION: provision,
        TaskStep.SWITCH: SwitchStep(config.drain_seconds, reaper_thread.wake),
        TaskStep.FINISH: FinishStep(core.unit_of_work, core.infrastructure, core.plugins),
    }


def _make_side_by_side(core: Core, http: httpx.Client) -> SideBySideProvisioner:
    config = core.config
    return SideBySideProvisioner(
        http,
        ProbeLimits(config.timeout_until_job_alive, config.timeout_until_job_ready),
        ExampleCaller(http, config.smoke_test_timeout_seconds),
        family_tokens=JobFamilies(core).get_or_add_token,
        instance_secret=core.secret_box.derive_instance_secret,
        plugin_env=lambda: _collect_plugin_env(core.plugins),
    )


def _collect_plugin_env(plugins: PluginEngine) -> dict[str, str]:
    merged: dict[str, str] = {}
    for variables in plugins.invoke_plugin_hook(PluginCore.job_runtime_env_vars):
        merged |= variables or {}
    return merged


class JobFamilies:
    """Job families and their tokens, added when a job of a new family is deployed."""

    def __init__(self, core: Core) -> None:
        self._unit_of_work = core.unit_of_work
        self._tokens = Tokens(core.config.auth_key, core.secret_box, core.clock)

    def get_or_add(self, name: str) -> JobFamilyDto:
        """Return the family of that name."""
        with self._unit_of_work() as uow:
            return uow.families.get_or_add(name)

    def get_or_add_token(self, name: str) -> str:
        """Return the token with which jobs of that family call others."""
        with self._unit_of_work() as uow:
            family = uow.families.get_or_add(name)
            return self._tokens.ensure_valid(
                uow, uow.auth_subjects.get_or_add_of_family(family.id or "")
            )
