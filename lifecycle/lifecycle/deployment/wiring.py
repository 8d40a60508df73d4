"""Everything about deployments, put together; Lifecycle and its supervisor both use it."""

import threading
from dataclasses import dataclass
from typing import Any

import httpx
from racetrack_client.log.logs import get_logger
from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import JobFamilyDto
from racetrack_commons.entities.image_builder_client import ImageBuilderClient
from racetrack_commons.plugin.core import PluginCore

from lifecycle.auth.tokens import Tokens
from lifecycle.config import Config
from lifecycle.database.encryption import SecretBox
from lifecycle.database.repositories.deployment_tasks import TaskStep
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployment.attempt.failure import DeploymentFailed
from lifecycle.deployment.attempt.state import Step
from lifecycle.deployment.requests.delete import JobDeleter
from lifecycle.deployment.requests.redo import ExistingJobs
from lifecycle.deployment.requests.rollback import JobRollback
from lifecycle.deployment.requests.submit import DeploymentSubmitter, DeploymentWaiter
from lifecycle.deployment.runner import DeploymentRunner
from lifecycle.deployment.steps.build import BuildStep
from lifecycle.deployment.steps.examples import SmokeTest
from lifecycle.deployment.steps.finish import FinishStep
from lifecycle.deployment.steps.in_place import InPlaceProvisioner
from lifecycle.deployment.steps.probe import ProbeLimits
from lifecycle.deployment.steps.provision import ProvisionStep
from lifecycle.deployment.steps.side_by_side import SideBySideProvisioner
from lifecycle.deployment.steps.switch import SwitchStep
from lifecycle.deployment.upkeep.reaper import InstanceReaper, ReaperThread
from lifecycle.deployment.worker import DeploymentWorker, WorkerSettings
from lifecycle.infrastructure.registry import InfrastructureRegistry
from lifecycle.metrics import LifecycleMetrics

logger = get_logger(__name__)


@dataclass(frozen=True)
class DeploymentNeeds:
    """What deployments are made with."""

    config: Config
    unit_of_work: UnitOfWorkFactory
    plugin_engine: Any
    infrastructure: InfrastructureRegistry
    image_builder: ImageBuilderClient
    clock: Clock
    metrics: LifecycleMetrics
    worker: WorkerSettings | None = None
    """None: as `config` says. The supervisor brings its own: one slot, fresh ones left to Lifecycle."""
    job_transport: httpx.BaseTransport | None = None
    """How jobs are reached; None: over the network."""


@dataclass(frozen=True)
class DeploymentServices:
    """The use cases of deployments, and the threads that carry them on."""

    submitter: DeploymentSubmitter
    existing_jobs: ExistingJobs
    rollback: JobRollback
    deleter: JobDeleter
    waiter: DeploymentWaiter
    worker: DeploymentWorker
    reaper: InstanceReaper
    reaper_thread: ReaperThread
    http: httpx.Client
    stopping: threading.Event

    def start(self) -> None:
        """Begin to work in the background."""
        self.worker.start()
        self.reaper_thread.start()

    def reconcile_and_wait(self) -> None:
        """Start every lost job again; what fails is logged, and seen in its deployment."""
        for deployment_id in self.existing_jobs.reconcile():
            try:
                self.waiter.wait(deployment_id)
            except DeploymentFailed as error:
                logger.error(f"a lost job could not be started again: {error}")

    def stop(self) -> None:
        """Stop; what is not finished is carried on by another process, or after the restart."""
        self.stopping.set()
        self.worker.stop()
        self.reaper_thread.stop()
        self.http.close()


def create_deployment_services(needs: DeploymentNeeds) -> DeploymentServices:
    """Put everything about deployments together; call `start()` and `stop()` on what is returned."""
    secret_box = SecretBox(needs.config.secret_key)
    stopping = threading.Event()
    http = httpx.Client(trust_env=False, transport=needs.job_transport)
    reaper = InstanceReaper(needs.unit_of_work, needs.infrastructure, needs.clock)
    reaper_thread = ReaperThread(reaper)
    runner = DeploymentRunner(
        _make_steps(needs, http, reaper_thread), secret_box, reaper, needs.metrics
    )
    settings = needs.worker or WorkerSettings(
        slots=needs.config.deployment_workers, lease_seconds=needs.config.lease_seconds
    )
    worker = DeploymentWorker(runner, needs.unit_of_work, needs.clock, settings)
    return DeploymentServices(
        submitter=DeploymentSubmitter(
            needs.config,
            needs.unit_of_work,
            needs.infrastructure,
            secret_box,
            needs.clock,
            worker.wake,
        ),
        existing_jobs=ExistingJobs(
            needs.unit_of_work, needs.infrastructure, secret_box, needs.clock, worker.wake
        ),
        rollback=JobRollback(
            needs.unit_of_work, needs.infrastructure, secret_box, needs.clock, worker.wake
        ),
        deleter=JobDeleter(needs.unit_of_work, reaper, needs.plugin_engine, needs.clock),
        waiter=DeploymentWaiter(needs.unit_of_work, needs.clock, stopping),
        worker=worker,
        reaper=reaper,
        reaper_thread=reaper_thread,
        http=http,
        stopping=stopping,
    )


def _make_steps(
    needs: DeploymentNeeds, http: httpx.Client, reaper_thread: ReaperThread
) -> dict[TaskStep, Step]:
    config = needs.config
    provision = ProvisionStep(
        needs.infrastructure,
        _make_side_by_side(needs, http),
        InPlaceProvisioner(config, needs.plugin_engine, _Families(needs).ensure),
    )
    return {
        TaskStep.BUILD: BuildStep(
            needs.image_builder, config.docker_registry, config.docker_registry_namespace
        ),
        TaskStep.PROVISION: provision,
        TaskStep.SWITCH: SwitchStep(config.drain_seconds, reaper_thread.wake),
        TaskStep.FINISH: FinishStep(needs.unit_of_work, needs.infrastructure, needs.plugin_engine),
    }


def _make_side_by_side(needs: DeploymentNeeds, http: httpx.Client) -> SideBySideProvisioner:
    config = needs.config
    return SideBySideProvisioner(
        http,
        ProbeLimits(config.timeout_until_job_alive, config.timeout_until_job_ready),
        SmokeTest(http, config.smoke_test_timeout_seconds),
        family_tokens=_Families(needs).ensure_token,
        plugin_env=lambda: _collect_plugin_env(needs.plugin_engine),
    )


def _collect_plugin_env(plugin_engine: Any) -> dict[str, str]:
    merged: dict[str, str] = {}
    for variables in plugin_engine.invoke_plugin_hook(PluginCore.job_runtime_env_vars):
        merged |= variables or {}
    return merged


class _Families:
    def __init__(self, needs: DeploymentNeeds) -> None:
        self._unit_of_work = needs.unit_of_work
        self._tokens = Tokens(needs.config.auth_key, needs.clock)

    def ensure(self, name: str) -> JobFamilyDto:
        with self._unit_of_work() as uow:
            return uow.families.ensure(name)

    def ensure_token(self, name: str) -> str:
        with self._unit_of_work() as uow:
            family = uow.families.ensure(name)
            return self._tokens.ensure(uow, uow.auth_subjects.ensure_of_family(family.id or ""))
