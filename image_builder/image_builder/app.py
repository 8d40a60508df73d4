"""Wiring: settings become the objects that build, and those become the app."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from racetrack_client.entities import ImageKind
from racetrack_client.log.logs import get_logger
from racetrack_commons.api.app import ApiOptions, create_api_app
from racetrack_commons.api.metrics import create_registry
from racetrack_commons.api.probes import ProbeAnswer, Probes
from racetrack_commons.clock import Clock
from racetrack_commons.entities.dto import JobImage
from racetrack_commons.os_users.user_range import UserRange
from starlette.concurrency import run_in_threadpool
from uv import find_uv_bin

from image_builder import __version__
from image_builder.config import ImageBuilderConfig
from image_builder.docker.docker_backend import create_docker_backend
from image_builder.endpoints.dependencies import ImageBuilderServices
from image_builder.endpoints.routes import builds_router, images_router
from image_builder.image_maker import BackendUnavailable, ImageBackend
from image_builder.job_type.catalog import JobTypeCatalog
from image_builder.metrics import BuilderMetrics
from image_builder.pipeline.builds import BuildLimits, Builds
from image_builder.pipeline.pipeline import BuildPipeline, SourceFetcher
from image_builder.pipeline.workspace import Workspaces
from image_builder.process.process_backend import create_process_backend
from image_builder.running.build_users import BuildUsers, find_build_users
from image_builder.running.progress import BuildLogs
from image_builder.source.git import GitSource
from image_builder.source.source_tree import SourceLimits

logger = get_logger(__name__)

HEARTBEAT_SECONDS = 15.0
_SERVICE = "image-builder"


@dataclass(frozen=True)
class Builder:
    """Everything that builds, without HTTP."""

    builds: Builds
    workspaces: Workspaces
    backends: Mapping[ImageKind, ImageBackend]
    retention_hours: int
    """Hours that an image stays after it was needed last; 0 keeps images for ever."""
    clock: Clock = field(default_factory=Clock)

    def start(self) -> None:
        """Clean up after builders that were killed."""
        self.workspaces.start()
        for backend in self.backends.values():
            backend.start()

    def start_background_work(self) -> None:
        """Begin what a service does beside its builds."""
        for backend in self.backends.values():
            backend.start_background_work()

    def prune(self, needed: Collection[JobImage]) -> list[str]:
        """Remove images that have not been needed for `retention_hours`; return the names of what was removed.

        A backend that does not answer is left out, with a warning in the log.
        """
        if not self.retention_hours:
            return []
        before = self.clock.now() - timedelta(hours=self.retention_hours)
        removed: list[str] = []
        for kind, backend in self.backends.items():
            try:
                removed += backend.prune(needed, before)
            except BackendUnavailable as error:
                logger.warning(f"old {kind} images can't be removed now: {error}")
        if removed:
            hours = self.retention_hours
            logger.info(f"removed what was not needed for {hours} hours: {', '.join(removed)}")
        return removed

    def check(self) -> None:
        """Raise BackendUnavailable when a program that builds need does not answer."""
        for backend in self.backends.values():
            backend.check()

    def stop(self) -> None:
        """Cancel all builds, wait for their ends, and end the background work."""
        for backend in self.backends.values():
            backend.stop()
        self.builds.stop()
        self.workspaces.stop()


def create_builder(
    config: ImageBuilderConfig,
    job_types: JobTypeCatalog,
    environment: Mapping[str, str],
    registry: CollectorRegistry,
) -> Builder:
    """Wire everything that builds. `environment` holds all variables of this process that git, uv and docker may see."""
    limits = SourceLimits(config.max_source_files, config.max_source_bytes)
    users = _find_users(config, environment)
    git = GitSource(
        environment,
        config.git_protocols,
        config.git_timeout_seconds,
        limits,
        config.disk_space,
        users,
    )
    workspaces = Workspaces(config.workspaces_dir, config.clean_up_workspaces)
    metrics = BuilderMetrics(registry)
    backends = _create_backends(config, job_types, environment, metrics, users)
    pipeline = BuildPipeline(
        workspaces=workspaces,
        sources=SourceFetcher(git, limits),
        job_types=job_types,
        makers={kind: backend.maker for kind, backend in backends.items()},
        racetrack_version=config.docker_tag,
        disk=config.disk_space,
        verify_manifest_consistency=config.verify_manifest_consistency,
    )
    logs = BuildLogs(config.build_logs_dir, config.max_build_log_bytes, config.max_kept_build_logs)
    builds = Builds(pipeline.build, logs, BuildLimits(config.max_concurrent_builds), metrics)
    return Builder(builds, workspaces, backends, config.image_retention_hours)


def _find_users(config: ImageBuilderConfig, environment: Mapping[str, str]) -> BuildUsers | None:
    if not config.build_users:
        return None
    users = UserRange(config.first_build_user, config.last_build_user)
    homes = config.workspaces_dir.absolute() / "homes"
    return find_build_users(users, homes, (Path(find_uv_bin()),), environment)


def _create_backends(
    config: ImageBuilderConfig,
    job_types: JobTypeCatalog,
    environment: Mapping[str, str],
    metrics: BuilderMetrics,
    users: BuildUsers | None,
) -> dict[ImageKind, ImageBackend]:
    backends: dict[ImageKind, ImageBackend] = {}
    if ImageKind.PROCESS in config.image_kinds:
        backends[ImageKind.PROCESS] = create_process_backend(config, job_types, environment, users)
    if ImageKind.DOCKER in config.image_kinds:
        backends[ImageKind.DOCKER] = create_docker_backend(config, environment, metrics)
    return backends


def create_app(
    config: ImageBuilderConfig,
    job_types: JobTypeCatalog,
    environment: Mapping[str, str],
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
) -> FastAPI:
    """Create the service's app. `environment` holds all variables of this process that programs of builds may see."""
    registry = create_registry()
    builder = create_builder(config, job_types, environment, registry)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(builder.start)
        builder.start_background_work()
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
    app.state.services = ImageBuilderServices(
        builder.builds, builder.prune, config.auth_key, heartbeat_seconds
    )
    return app


def _make_probes(config: ImageBuilderConfig, builder: Builder) -> Probes:
    about = {
        "service": _SERVICE,
        "git_version": config.git_version,
        "docker_tag": config.docker_tag,
    }

    def answer_health() -> ProbeAnswer:
        try:
            builder.check()
        except BackendUnavailable as error:
            return ProbeAnswer({**about, "status": "fail", "details": str(error)}, status=500)
        return ProbeAnswer({**about, "status": "pass"})

    def answer_ready() -> ProbeAnswer:
        shortage = config.disk_space.find_shortage()
        body = {"service": _SERVICE, "ready": shortage is None}
        return ProbeAnswer(body | {"error": shortage}, 503) if shortage else ProbeAnswer(body)

    return Probes(_SERVICE, ready=answer_ready, health=answer_health)
