"""Routes of installed plugins, and of the job types and infrastructure targets that they provide."""

from collections import Counter, defaultdict

from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel
from racetrack_client.log.errors import EntityNotFound
from racetrack_client.plugin.plugin_manifest import PluginManifest
from racetrack_commons.plugin.core import PluginCore
from racetrack_commons.plugin.job_types import gather_job_types

from lifecycle.endpoints.dependencies import LifecycleServices, ReadingDep, ServicesDep, make_router
from lifecycle.infrastructure.registry import PluginTargets

router = make_router("/api/v1/plugin", "plugins")


class ZipResponse(FileResponse):
    """A file that is a zip archive."""

    media_type = "application/zip"


ProvidedNames = list[tuple[PluginManifest, str]]
"""Names of job types or targets, each with the plugin that provides it."""


class Usage(BaseModel):
    """The number of active jobs that use a job type or target."""

    name: str
    active_jobs: int


class JobTypePlugin(BaseModel):
    """A plugin with job types."""

    name: str
    version: str
    job_types: list[Usage]


class InfrastructurePlugin(BaseModel):
    """A plugin with infrastructure targets."""

    name: str
    version: str
    infrastructures: list[Usage]


class PluginTree(BaseModel):
    """Plugins with the job types and infrastructure targets that they provide."""

    plugins: list[PluginManifest]
    job_type_plugins_data: list[JobTypePlugin]
    infrastructure_plugins_data: list[InfrastructurePlugin]


@router.get("")
def list_plugins(services: ServicesDep) -> list[PluginManifest]:
    """List the plugins in the order they were loaded."""
    return list(services.plugins.plugin_manifests)


@router.get("/tree")
def get_plugin_tree(services: ServicesDep, uow: ReadingDep) -> PluginTree:
    """Show plugins with the job types and infrastructure targets that they provide."""
    jobs = uow.jobs.list_all()
    types = _count(_list_job_types(services), Counter(job.job_type_version for job in jobs))
    targets = _count(_list_targets(services), Counter(job.infrastructure_target for job in jobs))
    return PluginTree(
        plugins=list(services.plugins.plugin_manifests),
        job_type_plugins_data=[
            JobTypePlugin(name=name, version=version, job_types=usages)
            for (name, version), usages in types
        ],
        infrastructure_plugins_data=[
            InfrastructurePlugin(name=name, version=version, infrastructures=usages)
            for (name, version), usages in targets
        ],
    )


@router.get("/job_type/versions")
def list_job_types(services: ServicesDep) -> list[str]:
    """List the job types that can be deployed."""
    return sorted(name for _, name in _list_job_types(services))


@router.get("/infrastructure_targets")
def list_infrastructure_targets(services: ServicesDep) -> dict[str, PluginManifest]:
    """Show the infrastructure targets with the plugins that provide them."""
    by_name = {name: plugin for plugin, name in _list_targets(services)}
    return {
        name: by_name.get(name) or _built_in_plugin(name, services)
        for name in services.infrastructure.list_names()
    }


@router.get("/{plugin_name}/docs")
def get_docs(plugin_name: str, services: ServicesDep) -> str | None:
    """Show the documentation of a plugin, as Markdown."""
    docs = services.plugins.invoke_one_plugin_hook(plugin_name, PluginCore.markdown_docs)
    return None if docs is None else str(docs)


@router.get("/{plugin_name}/{plugin_version}/download", response_class=ZipResponse)
def download_plugin(plugin_name: str, plugin_version: str, services: ServicesDep) -> Response:
    """Download the bundle of a plugin."""
    try:
        package = services.plugins.get_package(plugin_name, plugin_version)
    except EntityNotFound as e:
        return JSONResponse({"detail": str(e), "error": str(e)}, status_code=404)
    return ZipResponse(package, filename=f"{plugin_name}-{plugin_version}.zip")


def _list_job_types(services: LifecycleServices) -> ProvidedNames:
    job_types = gather_job_types(services.plugins).by_key
    return [(job_type.plugin.plugin_manifest, key) for key, job_type in job_types.items()]


def _list_targets(services: LifecycleServices) -> ProvidedNames:
    targets = PluginTargets(services.plugins).list_all()
    return [(target.plugin.plugin_manifest, target.name) for target in targets]


def _count(
    provided: ProvidedNames, users: Counter[str] | Counter[str | None]
) -> list[tuple[tuple[str, str], list[Usage]]]:
    """Group job types or targets by the name and version of their plugin, sorted."""
    groups: dict[tuple[str, str], list[Usage]] = defaultdict(list)
    for plugin, name in sorted(provided, key=lambda pair: pair[1]):
        groups[plugin.name, plugin.version].append(Usage(name=name, active_jobs=users[name]))
    return sorted(groups.items())


def _built_in_plugin(name: str, services: LifecycleServices) -> PluginManifest:
    version = services.config.git_version
    return PluginManifest(name=name, version=version, category="infrastructure")
