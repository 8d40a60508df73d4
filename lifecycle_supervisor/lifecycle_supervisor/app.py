"""The composition root of the Supervisor."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from lifecycle.app import prepare_database
from lifecycle.core import create_core
from lifecycle.deployment.wiring import create_deployments
from lifecycle.deployment.worker import WorkerSettings
from racetrack_commons.api.app import create_api_app
from racetrack_commons.api.probes import Probes

from lifecycle_supervisor.config import SupervisorConfig
from lifecycle_supervisor.periodic import TaskRunner
from lifecycle_supervisor.tasks import SupervisorTasks

# New deployments belong to the Lifecycle that accepted them; the Supervisor carries on those that were left behind.
LEAVE_FRESH_SECONDS = 5


def create_app(config: SupervisorConfig) -> FastAPI:
    """Make the app; its tasks start when the app starts to serve."""
    prepare_database(config)
    core = create_core(config)
    worker = WorkerSettings(
        slots=1, lease_seconds=config.lease_seconds, leave_fresh_seconds=LEAVE_FRESH_SECONDS
    )
    deployments = create_deployments(core, worker)
    tasks = SupervisorTasks(config, core, deployments)
    runner = TaskRunner(tasks.list_all(), core.metrics_registry)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        deployments.start_worker()
        tasks.watch_targets()
        runner.start()
        yield
        runner.stop()
        tasks.stop_watching()
        deployments.stop()
        core.close()

    return create_api_app(
        title="Lifecycle Supervisor",
        base_path="/lifecycle-supervisor",
        probes=Probes("lifecycle-supervisor"),
        registry=core.metrics_registry,
        lifespan=lifespan,
    )
