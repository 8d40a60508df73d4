"""Deployments on a real database, with fakes of all that Lifecycle works with."""

import base64
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import httpx
from prometheus_client import CollectorRegistry
from racetrack_client.entities import AuthScope, SecretVars
from racetrack_commons.auth.token import AuthSubjectType
from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import DeploymentDto, JobDto
from racetrack_commons.entities.image_builder_client import ImageBuilderClient
from racetrack_commons.plugin.engine import PluginEngine
from racetrack_commons.testing.builders import a_deploy_payload, a_manifest_dict
from racetrack_commons.testing.clock import FakeClock

from lifecycle.auth.authenticate import AuthSubject
from lifecycle.config import Config
from lifecycle.core import Core
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployment.wiring import DeploymentServices, create_deployments
from lifecycle.deployment.worker import WorkerSettings
from lifecycle.domain.audit import AuditFilter
from lifecycle.domain.secrets import SecretBox
from lifecycle.infrastructure.model import InfrastructureTarget
from lifecycle.infrastructure.registry import InfrastructureRegistry
from lifecycle.metrics import LifecycleMetrics
from lifecycle.testing.fakes import (
    FakeImageBuilder,
    FakeInstances,
    FakeMonitor,
    FakePlugins,
    a_target,
)

A_BUNDLE = base64.b64encode(gzip.compress(b"tar", mtime=0)).decode()
"""The source of a job, as clients send it."""


@dataclass
class Platform:
    """A Lifecycle without HTTP: tests submit deployments, and run its worker when they like."""

    config: Config
    unit_of_work: UnitOfWorkFactory
    deployer: AuthSubject
    """The caller of all requests."""
    worker: WorkerSettings
    clock: Clock = field(default_factory=FakeClock)
    instances: FakeInstances = field(default_factory=FakeInstances)
    """The deployer of the target `process`."""
    monitor: FakeMonitor = field(default_factory=FakeMonitor)
    builder: FakeImageBuilder = field(default_factory=FakeImageBuilder)
    plugins: FakePlugins = field(default_factory=FakePlugins)
    targets: dict[str, InfrastructureTarget] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.targets["process"] = a_target(self.instances, self.monitor)
        self.services = self.make_worker()

    def make_worker(self) -> DeploymentServices:
        """Build the services again, over the same database and fakes, as another process has them."""
        registry = InfrastructureRegistry({}, lambda: self.targets)
        core = a_core(
            self.config, self.unit_of_work, registry, self.builder, self.clock, self.plugins
        )
        transport = httpx.MockTransport(partial(answer, self.targets))
        return create_deployments(core, self.worker, transport)

    def submit(
        self,
        version: str = "0.0.1",
        name: str = "adder",
        force: bool = True,
        secrets: SecretVars | None = None,
        from_git: bool = False,
        **manifest: Any,
    ) -> str:
        """Ask for a deployment, and return its id."""
        payload = a_deploy_payload(
            a_manifest_dict(name, version, **{"jobtype_extra": ...} | manifest),
            force=force,
            build_context=None if from_git else A_BUNDLE,
            secret_vars=secrets,
        )
        return self.services.submitter.deploy(payload, self.deployer)

    def deploy(self, version: str = "0.0.1", **options: Any) -> DeploymentDto:
        """Ask for a deployment, carry it out, and return it as it ended."""
        deployment_id = self.submit(version, **options)
        self.services.worker.run_pending()
        if isinstance(self.clock, FakeClock):
            self.clock.advance(1)
        return self.deployment(deployment_id)

    def deployment(self, deployment_id: str) -> DeploymentDto:
        """Return the deployment as it is stored now."""
        with self.unit_of_work.reading() as uow:
            return uow.deployments.get(deployment_id)

    def job(self, version: str = "0.0.1", name: str = "adder") -> JobDto | None:
        """Return the job as it is stored now, or None."""
        with self.unit_of_work.reading() as uow:
            return uow.jobs.find(name, version)

    def serving_id(self) -> str:
        """Return the id of the only serving instance."""
        with self.unit_of_work.reading() as uow:
            (serving,) = uow.instances.list_serving()
            return serving.id

    def add_target(self, name: str, image_kind: str = "process") -> FakeInstances:
        """Add a target, and return its deployer."""
        instances = FakeInstances(domain=name)
        self.targets[name] = a_target(instances, FakeMonitor(), image_kind=image_kind)
        return instances

    def audit_events(self) -> list[str]:
        """Return the types of all audit events, sorted."""
        with self.unit_of_work.reading() as uow:
            return sorted(event.event_type for event in uow.audit.list_newest(AuditFilter()))


def a_core(
    config: Config,
    unit_of_work: UnitOfWorkFactory,
    infrastructure: InfrastructureRegistry,
    image_builder: ImageBuilderClient,
    clock: Clock,
    plugins: FakePlugins | None = None,
) -> Core:
    """Make the core of a process."""
    return Core(
        config=config,
        clock=clock,
        unit_of_work=unit_of_work,
        secret_box=SecretBox(config.secret_key),
        plugins=cast("PluginEngine", plugins or FakePlugins()),
        infrastructure=infrastructure,
        image_builder=image_builder,
        metrics=LifecycleMetrics.create(CollectorRegistry()),
        metrics_registry=CollectorRegistry(),
    )


def add_deployer(unit_of_work: UnitOfWorkFactory) -> AuthSubject:
    """Add a service consumer that may deploy any job."""
    with unit_of_work() as uow:
        esc = uow.escs.add("deployer", None)
        subject = uow.auth_subjects.get_or_add_of_esc(esc.id)
        for scope in (AuthScope.DEPLOY_NEW_FAMILY, AuthScope.DEPLOY_JOB):
            uow.permissions.grant(subject.id, scope)
    return AuthSubject(AuthSubjectType.ESC, esc.id, id=subject.id, display_name="deployer")


def answer(targets: Mapping[str, InfrastructureTarget], request: httpx.Request) -> httpx.Response:
    """Answer like the job that the request is addressed to."""
    domain = request.url.host.rpartition(".")[2]
    deployers = [target.job_deployer for target in targets.values()]
    fakes = [each for each in deployers if isinstance(each, FakeInstances)]
    return next(each for each in fakes if each.domain == domain).answer(request)
