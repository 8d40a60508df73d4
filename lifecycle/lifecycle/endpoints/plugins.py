"""Routes of plugins: what is installed, and by staff: install, configure, run, remove."""

from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, UploadFile
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel
from racetrack_client.log.errors import EntityNotFound
from racetrack_client.plugin.plugin_manifest import PluginManifest
from racetrack_commons.plugin.core import PluginCore
from starlette.concurrency import run_in_threadpool

from lifecycle.audit import AuditEvent, AuditEventType, write_event
from lifecycle.auth.authenticate import AuthSubject
from lifecycle.endpoints.dependencies import ReadingDep, ServicesDep, StaffUser
from lifecycle.endpoints.services import Services

router = APIRouter(prefix="/api/v1/plugin", tags=["API"])


class Usage(BaseModel):
    """How many jobs use something that a plugin gives."""

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
    """Plugins, and what they give."""

    plugins: list[PluginManifest]
    job_type_plugins_data: list[JobTypePlugin]
    infrastructure_plugins_data: list[InfrastructurePlugin]


class ConfigPayload(BaseModel):
    """Configuration of a plugin: the text of its file."""

    config_data: str


@router.get("")
def list_plugins(services: ServicesDep) -> list[PluginManifest]:
    """List the plugins in the order they were loaded."""
    return list(services.plugins.plugin_manifests)


@router.get("/tree")
def get_plugin_tree(services: ServicesDep, uow: ReadingDep) -> PluginTree:
    """Show plugins with the job types and infrastructure targets that they give."""
    jobs = uow.jobs.list_all()
    by_type = Counter(job.job_type_version for job in jobs)
    by_target = Counter(job.infrastructure_target for job in jobs)
    types = [
        JobTypePlugin(name=plugin.name, version=plugin.version, job_types=_count(names, by_type))
        for plugin, names in _list_given(services, PluginCore.job_types)
    ]
    targets = [
        InfrastructurePlugin(
            name=plugin.name, version=plugin.version, infrastructures=_count(names, by_target)
        )
        for plugin, names in _list_given(services, PluginCore.infrastructure_targets)
    ]
    return PluginTree(
        plugins=list(services.plugins.plugin_manifests),
        job_type_plugins_data=types,
        infrastructure_plugins_data=targets,
    )


@router.get("/job_type/versions")
def list_job_types(services: ServicesDep) -> list[str]:
    """List the job types that can be deployed."""
    given = _list_given(services, PluginCore.job_types)
    return sorted({name for _, names in given for name in names})


@router.get("/infrastructure_targets")
def list_infrastructure_targets(services: ServicesDep) -> dict[str, PluginManifest]:
    """Show the infrastructure targets with the plugins that give them."""
    by_plugin = {
        name: plugin
        for plugin, names in _list_given(services, PluginCore.infrastructure_targets)
        for name in names
    }
    return {
        name: by_plugin.get(name) or _built_in_plugin(name, services)
        for name in services.infrastructure.names()
    }


@router.get("/{plugin_name}/docs")
def get_docs(plugin_name: str, services: ServicesDep) -> str | None:
    """Show the documentation of a plugin, as Markdown."""
    docs: str | None = services.plugins.invoke_one_plugin_hook(
        plugin_name, PluginCore.markdown_docs
    )
    return docs


@router.get("/{plugin_name}/{plugin_version}/download", response_model=None)
def download_plugin(plugin_name: str, plugin_version: str, services: ServicesDep) -> Response:
    """Download the bundle of a plugin."""
    try:
        plugin = services.plugins.find_plugin(plugin_name, plugin_version)
    except EntityNotFound as e:
        return JSONResponse({"detail": str(e), "error": str(e)}, status_code=404)
    return FileResponse(
        plugin.zip_path,
        media_type="application/zip",
        filename=f"{plugin_name}-{plugin_version}.zip",
    )


@router.post("/upload")
def upload_plugin_form(
    file: UploadFile, staff: StaffUser, services: ServicesDep, replace: int = 0
) -> None:
    """Install a plugin from a form."""
    _install(services, staff, file.filename or "", file.file.read(), replace=bool(replace))


@router.post("/upload/{filename}")
async def upload_plugin(
    filename: str, request: Request, staff: StaffUser, services: ServicesDep, replace: int = 0
) -> PluginManifest:
    """Install a plugin; the body is its bundle."""
    content = await request.body()
    return await run_in_threadpool(
        _install, services, staff, filename, content, replace=bool(replace)
    )


@router.delete("/all")
def delete_all_plugins(_: StaffUser, services: ServicesDep) -> None:
    """Remove all plugins."""
    services.plugins.delete_all_plugins()


@router.delete("/{plugin_name}/{plugin_version}")
def delete_plugin(
    plugin_name: str, plugin_version: str, staff: StaffUser, services: ServicesDep
) -> None:
    """Remove a plugin."""
    services.plugins.delete_plugin_by_version(plugin_name, plugin_version)
    event = AuditEventType.PLUGIN_UNINSTALLED
    _write_audit(services, staff, event, plugin_name, plugin_version)


@router.get("/{plugin_name}/{plugin_version}/config")
def get_config(plugin_name: str, plugin_version: str, _: StaffUser, services: ServicesDep) -> str:
    """Show the configuration of a plugin."""
    config: str = services.plugins.read_plugin_config(plugin_name, plugin_version)
    return config


@router.put("/{plugin_name}/{plugin_version}/config")
def set_config(
    plugin_name: str,
    plugin_version: str,
    payload: ConfigPayload,
    _: StaffUser,
    services: ServicesDep,
) -> None:
    """Configure a plugin; all plugins are loaded again."""
    services.plugins.write_plugin_config(plugin_name, plugin_version, payload.config_data)


@router.post("/{plugin_name}/run")
def run_plugin(
    plugin_name: str,
    request: Request,
    payload: Annotated[dict[str, Any], Body()],
    _: StaffUser,
    services: ServicesDep,
) -> Any:
    """Let a plugin do what it offers; the query and the body are its arguments."""
    arguments = {**request.query_params, **payload}
    return services.plugins.invoke_one_plugin_hook(plugin_name, PluginCore.run_action, **arguments)


def _install(
    services: Services, staff: AuthSubject, filename: str, content: bytes, *, replace: bool
) -> PluginManifest:
    manifest = services.plugins.upload_plugin(filename, content, replace=replace)
    event = AuditEventType.PLUGIN_INSTALLED
    _write_audit(services, staff, event, manifest.name, manifest.version)
    return manifest


def _write_audit(
    services: Services, staff: AuthSubject, event_type: AuditEventType, name: str, version: str
) -> None:
    properties = {"plugin_name": name, "plugin_version": version}
    event = AuditEvent(event_type, executor=staff.name, properties=properties)
    with services.unit_of_work() as uow:
        write_event(uow, event, services.clock.now())


def _list_given(services: Services, hook: Any) -> list[tuple[PluginManifest, list[str]]]:
    given = [
        (data.plugin_manifest, sorted(result))
        for data, result in services.plugins.invoke_hook_with_origin(hook)
        if result
    ]
    return sorted(given, key=lambda pair: (pair[0].name, pair[0].version))


def _count(names: list[str], users: Counter[Any]) -> list[Usage]:
    return [Usage(name=name, active_jobs=users[name]) for name in names]


def _built_in_plugin(name: str, services: Services) -> PluginManifest:
    version = services.config.git_version
    return PluginManifest(name=name, version=version, category="infrastructure")
