import base64
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import httpx
import pytest
from lifecycle.auth.authenticate import AuthSubject
from lifecycle.config import Config
from lifecycle.core import Core
from lifecycle.database.unit_of_work import UnitOfWorkFactory
from lifecycle.deployment.wiring import DeploymentServices, create_deployments
from lifecycle.deployment.worker import WorkerSettings
from lifecycle.domain.audit import AuditFilter
from lifecycle.domain.secrets import SecretBox
from lifecycle.infrastructure.registry import InfrastructureRegistry
from lifecycle.metrics import LifecycleMetrics
from lifecycle.testing.fakes import (
    FakeImageBuilder,
    FakeInstances,
    FakeMonitor,
    FakePlugins,
    a_target,
)
from prometheus_client import CollectorRegistry
from racetrack_client.entities import DeployPayload
from racetrack_commons.auth.scope import AuthScope, AuthSubjectType
from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import DeploymentDto, JobDto
from racetrack_commons.testing.clock import FakeClock

LEASE_SECONDS = 15
DRAIN_SECONDS = 10


@dataclass
class Platform:
    """Deployments on a real database, and fakes around them."""

    services: DeploymentServices
    make_worker: Callable[[], DeploymentServices]
    unit_of_work: UnitOfWorkFactory
    clock: Clock
    instances: FakeInstances
    monitor: FakeMonitor
    builder: FakeImageBuilder
    plugins: FakePlugins
    targets: dict
    deployer: AuthSubject

    def submit(
        self, version="0.0.1", name="adder", force=True, secrets=None, from_git=False, **manifest
    ) -> str:
        content = {
            "name": name,
            "version": version,
            "owner_email": "sample@example.com",
            "jobtype": "python3:latest",
            "git": {"remote": "https://example.com/adder"},
            **manifest,
        }
        payload = DeployPayload(
            manifest=content,
            force=force,
            build_context=None if from_git else base64.b64encode(gzip.compress(b"tar")).decode(),
            secret_vars=secrets,
        )
        return self.services.submitter.deploy(payload, self.deployer)

    def deploy(self, version="0.0.1", **options) -> DeploymentDto:
        deployment_id = self.submit(version, **options)
        self.services.worker.run_pending()
        self.clock.advance(1)
        return self.deployment(deployment_id)

    def deployment(self, deployment_id: str) -> DeploymentDto:
        with self.unit_of_work.reading() as uow:
            return uow.deployments.get(deployment_id)

    def job(self, version="0.0.1", name="adder") -> JobDto | None:
        with self.unit_of_work.reading() as uow:
            return uow.jobs.find(name, version)

    def serving_id(self) -> str:
        with self.unit_of_work.reading() as uow:
            (serving,) = uow.instances.list_serving()
            return serving.id

    def add_target(self, name: str, image_kind: str = "process") -> FakeInstances:
        instances = FakeInstances(domain=name)
        self.targets[name] = a_target(instances, FakeMonitor(), image_kind=image_kind)
        return instances

    def audit_events(self) -> list[str]:
        with self.unit_of_work.reading() as uow:
            return sorted(event.event_type for event in uow.audit.list_newest(AuditFilter()))


@pytest.fixture
def make_platform(unit_of_work: UnitOfWorkFactory, config: Config, clock: FakeClock):
    """Makes platforms; `clock` and `worker` say how deployments are carried on, when it is not the usual way."""
    config.drain_seconds, config.lease_seconds = DRAIN_SECONDS, LEASE_SECONDS

    def make(clock: Clock = clock, **worker: float) -> Platform:
        instances, monitor = FakeInstances(), FakeMonitor()
        targets = {"process": a_target(instances, monitor)}
        builder, plugins = FakeImageBuilder(), FakePlugins()
        core = Core(
            config=config,
            clock=clock,
            unit_of_work=unit_of_work,
            secret_box=SecretBox(config.secret_key),
            plugins=plugins,
            infrastructure=InfrastructureRegistry({}, lambda: targets),
            image_builder=builder,
            metrics=LifecycleMetrics.create(CollectorRegistry()),
            metrics_registry=CollectorRegistry(),
        )
        settings = WorkerSettings(**{"lease_seconds": LEASE_SECONDS, **worker})
        transport = httpx.MockTransport(partial(answer, targets))

        def make_worker() -> DeploymentServices:
            return create_deployments(core, settings, transport)

        return Platform(
            make_worker(), make_worker, unit_of_work, clock, instances, monitor, builder, plugins,
            targets, add_deployer(unit_of_work),
        )  # fmt: skip

    return make


@pytest.fixture
def platform(make_platform) -> Platform:
    return make_platform()


def answer(targets: dict, request: httpx.Request) -> httpx.Response:
    """Answers as the job does that the request reaches."""
    domain = request.url.host.rpartition(".")[2]
    deployers = [target.job_deployer for target in targets.values()]
    fakes = [each for each in deployers if isinstance(each, FakeInstances)]
    return next(each for each in fakes if each.domain == domain).answer(request)


def add_deployer(unit_of_work: UnitOfWorkFactory) -> AuthSubject:
    with unit_of_work() as uow:
        esc = uow.escs.add("deployer", None)
        subject = uow.auth_subjects.ensure_of_esc(esc.id)
        for scope in (AuthScope.DEPLOY_NEW_FAMILY, AuthScope.DEPLOY_JOB):
            uow.permissions.grant(subject.id, scope)
    return AuthSubject(AuthSubjectType.ESC, esc.id, id=subject.id, display_name="deployer")
