"""Wiring: settings become services, services become an app."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from racetrack_client.log.logs import get_logger
from racetrack_commons.api.app import ApiOptions, create_api_app
from racetrack_commons.api.metrics import create_registry
from racetrack_commons.api.probes import ProbeAnswer, Probes
from starlette.concurrency import run_in_threadpool
from uv import find_uv_bin

from image_builder import __version__
from image_builder.build.builds import BuildLimits, Builds
from image_builder.build.pipeline import BuildPipeline
from image_builder.build.request import ImageKind
from image_builder.build.workspace import Workspaces
from image_builder.config import Config
from image_builder.endpoints import build
from image_builder.endpoints.dependencies import Services
from image_builder.job_type.resolve import JobTypes
from image_builder.job_type.template import TemplateRenderer
from image_builder.metrics import BuilderMetrics
from image_builder.process.environment import Environments
from image_builder.process.image_store import ImageStore
from image_builder.process.maker import ProcessImageMaker
from image_builder.process.warm_up import EnvironmentWarmer
from image_builder.source.fetch import SourceFetcher
from image_builder.source.git import GitSource
from image_builder.source.source import SourceLimits

logger = get_logger(__name__)

HEARTBEAT_SECONDS = 15.0
_SERVICE = "image-builder"


@dataclass(frozen=True)
class Builder:
    """Everything that builds, without the HTTP around it."""

    config: Config
    builds: Builds
    workspaces: Workspaces
    images: ImageStore
    environments: Environments
    warmer: EnvironmentWarmer

    def start(self) -> None:
        """Clean up after builders that were killed."""
        for directory in (self.config.images_dir, self.config.environments_dir):
            directory.mkdir(parents=True, exist_ok=True)
        self.workspaces.start()
        self.images.remove_leftovers()
        self.environments.remove_leftovers()

    def stop(self) -> None:
        """End all builds."""
        self.warmer.stop()
        self.builds.stop()
        self.workspaces.stop()


def create_builder(
    config: Config, job_types: JobTypes, environment: Mapping[str, str], registry: CollectorRegistry
) -> Builder:
    """Make what builds; `environment` is all that git and uv may see of the process's own."""
    limits = SourceLimits(config.max_source_files, config.max_source_bytes)
    git = GitSource(environment, config.git_protocols, config.git_timeout_seconds, limits)
    workspaces = Workspaces(config.workspaces_dir, config.clean_up_workspaces)
    environments = Environments(
        root=config.environments_dir.absolute(),
        uv=Path(find_uv_bin()),
        inherited={**_uv_variables(config), **environment},
        timeout_seconds=config.build_timeout_seconds,
    )
    images = ImageStore(config.images_dir.absolute())
    key = config.auth_key.get_secret_value().encode()
    maker = ProcessImageMaker(environments, images, TemplateRenderer(), key)
    pipeline = BuildPipeline(
        workspaces=workspaces,
        sources=SourceFetcher(git, limits),
        job_types=job_types,
        makers={ImageKind.PROCESS: maker},
        racetrack_version=config.docker_tag,
        verify_manifest_consistency=config.verify_manifest_consistency,
    )
    build_limits = BuildLimits(config.max_concurrent_builds, config.max_build_log_bytes)
    builds = Builds(pipeline.run, config.build_logs_dir, build_limits, BuilderMetrics(registry))
    warmer = EnvironmentWarmer(maker, job_types, config.build_logs_dir)
    return Builder(config, builds, workspaces, images, environments, warmer)


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
        job_types.on_change(builder.warmer.start)
        builder.warmer.start()
        yield
        await run_in_threadpool(builder.stop)

    app = create_api_app(
        title="Racetrack Image Builder",
        probes=_make_probes(config),
        registry=registry,
        lifespan=lifespan,
        options=ApiOptions(version=__version__),
    )
    app.include_router(build.router)
    app.state.services = Services(builder.builds, config.auth_key, heartbeat_seconds)
    return app


def _make_probes(config: Config) -> Probes:
    async def check_health() -> ProbeAnswer:
        return ProbeAnswer(
            {
                "service": _SERVICE,
                "git_version": config.git_version,
                "docker_tag": config.docker_tag,
                "status": "pass",
            }
        )

    return Probes(_SERVICE, health=check_health)


def _uv_variables(config: Config) -> dict[str, str]:
    variables = {"UV_HTTP_TIMEOUT": str(config.index_timeout_seconds), "UV_HTTP_RETRIES": "1"}
    if config.uv_cache_dir is not None:
        variables["UV_CACHE_DIR"] = str(config.uv_cache_dir.absolute())
    return variables
