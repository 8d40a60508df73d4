"""Wiring: settings become services, services become an app."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from racetrack_client.log.logs import get_logger
from racetrack_commons.api.app import ApiOptions, create_api_app
from racetrack_commons.api.metrics import create_registry
from racetrack_commons.api.probes import ProbeAnswer, Probes
from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import JobImage
from starlette.concurrency import run_in_threadpool

from image_builder import __version__
from image_builder.build_request import ImageKind
from image_builder.config import Config
from image_builder.docker.docker_backend import create_docker_images
from image_builder.docker.docker_cli import EngineUnavailable
from image_builder.endpoints.dependencies import Services
from image_builder.endpoints.routes import builds_router, images_router
from image_builder.image_maker import ImageMaker
from image_builder.job_type.resolve import JobTypes
from image_builder.metrics import BuilderMetrics
from image_builder.pipeline.builds import BuildLimits, Builds
from image_builder.pipeline.pipeline import BuildPipeline, SourceFetcher
from image_builder.pipeline.workspace import Workspaces
from image_builder.process.process_backend import create_process_images
from image_builder.source.git import GitSource
from image_builder.source.source_tree import SourceLimits

logger = get_logger(__name__)

HEARTBEAT_SECONDS = 15.0
_SERVICE = "image-builder"


class MadeKind(Protocol):
    """The making of one kind of images."""

    @property
    def maker(self) -> ImageMaker:
        """Return what makes them."""

    def start(self) -> None:
        """Clean up after builders that were killed."""

    def serve(self) -> None:
        """Begin what a service does in the background."""

    def prune(self, needed: Collection[JobImage], before: datetime) -> list[str]:
        """Remove what is not needed, and was last needed before that moment; return the names of what is gone.

        Raises EngineUnavailable when what it needs does not answer.
        """

    def check(self) -> None:
        """Raise EngineUnavailable when what it needs does not answer."""

    def stop(self) -> None:
        """End the work in the background."""


@dataclass(frozen=True)
class Builder:
    """Everything that builds, without the HTTP around it."""

    builds: Builds
    workspaces: Workspaces
    kinds: Mapping[ImageKind, MadeKind]
    retention_hours: int
    """0: nothing is ever removed."""
    clock: Clock = field(default_factory=Clock)

    def start(self) -> None:
        """Clean up after builders that were killed."""
        self.workspaces.start()
        for kind in self.kinds.values():
            kind.start()

    def serve(self) -> None:
        """Begin what a service does in the background."""
        for kind in self.kinds.values():
            kind.serve()

    def prune(self, needed: Collection[JobImage]) -> list[str]:
        """Remove what is not needed and has not been for long; a kind that can't be looked at now is left out."""
        if not self.retention_hours:
            return []
        before = self.clock.now() - timedelta(hours=self.retention_hours)
        removed: list[str] = []
        for name, kind in self.kinds.items():
            try:
                removed += kind.prune(needed, before)
            except EngineUnavailable as error:
                logger.warning(f"old {name} images can't be removed now: {error}")
        if removed:
            hours = self.retention_hours
            logger.info(f"removed what was not needed for {hours} hours: {', '.join(removed)}")
        return removed

    def check(self) -> None:
        """Raise EngineUnavailable when what builds need does not answer."""
        for kind in self.kinds.values():
            kind.check()

    def stop(self) -> None:
        """End all builds."""
        for kind in self.kinds.values():
            kind.stop()
        self.builds.stop()
        self.workspaces.stop()


def create_builder(
    config: Config, job_types: JobTypes, environment: Mapping[str, str], registry: CollectorRegistry
) -> Builder:
    """Make what builds; `environment` is all that git, uv and docker may see of the process's own."""
    limits = SourceLimits(config.max_source_files, config.max_source_bytes)
    git = GitSource(environment, config.git_protocols, config.git_timeout_seconds, limits)
    workspaces = Workspaces(config.workspaces_dir, config.clean_up_workspaces)
    metrics = BuilderMetrics(registry)
    kinds = _create_kinds(config, job_types, environment, metrics)
    pipeline = BuildPipeline(
        workspaces=workspaces,
        sources=SourceFetcher(git, limits),
        job_types=job_types,
        makers={name: kind.maker for name, kind in kinds.items()},
        racetrack_version=config.docker_tag,
        verify_manifest_consistency=config.verify_manifest_consistency,
    )
    build_limits = BuildLimits(
        config.max_concurrent_builds, config.max_build_log_bytes, config.max_kept_build_logs
    )
    builds = Builds(pipeline.run, config.build_logs_dir, build_limits, metrics)
    return Builder(builds, workspaces, kinds, config.image_retention_hours)


def _create_kinds(
    config: Config, job_types: JobTypes, environment: Mapping[str, str], metrics: BuilderMetrics
) -> dict[ImageKind, MadeKind]:
    kinds: dict[ImageKind, MadeKind] = {}
    if ImageKind.PROCESS in config.image_kinds:
        kinds[ImageKind.PROCESS] = create_process_images(config, job_types, environment)
    if ImageKind.DOCKER in config.image_kinds:
        kinds[ImageKind.DOCKER] = create_docker_images(config, environment, metrics)
    return kinds


def create_app(
    config: Config,
    job_types: JobTypes,
    environment: Mapping[str, str],
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
) -> FastAPI:
    """Make the service's app."""
    registry = create_registry()
    builder = create_builder(config, job_types, environment, registry)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(builder.start)
        builder.serve()
        yield
        await run_in_threadpool(builder.stop)

    app = create_api_app(
        title="Racetrack Image Builder",
        probes=_make_probes(config, builder),
        registry=registry,
        lifespan=lifespan,
        options=ApiOptions(version=__version__),
    )
    app.include_router(builds_router)
    app.include_router(images_router)
    app.state.services = Services(builder.builds, builder.prune, config.auth_key, heartbeat_seconds)
    return app


def _make_probes(config: Config, builder: Builder) -> Probes:
    about = {
        "service": _SERVICE,
        "git_version": config.git_version,
        "docker_tag": config.docker_tag,
    }

    def check_health() -> ProbeAnswer:
        try:
            builder.check()
        except EngineUnavailable as error:
            return ProbeAnswer({**about, "status": "fail", "details": str(error)}, status=500)
        return ProbeAnswer({**about, "status": "pass"})

    return Probes(_SERVICE, health=check_health)
