"""Routes by which staff install, configure, run and remove plugins."""

from typing import Annotated, Any

from fastapi import Body, Request, UploadFile
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel
from racetrack_client.log.context_error import ContextError, get_root_cause
from racetrack_client.plugin.plugin_manifest import PluginManifest
from racetrack_commons.api.errors import STATUSES
from racetrack_commons.api.guard_first import LARGE_BODY_BYTES
from racetrack_commons.entities.audit import AuditEventType
from racetrack_commons.entities.dto import ChangeKind
from racetrack_commons.plugin.core import PluginCore
from starlette.concurrency import run_in_threadpool

from lifecycle.audit import AuditEvent, write_event
from lifecycle.auth.authenticate import AuthSubject
from lifecycle.endpoints.dependencies import (
    LifecycleServices,
    ServicesDep,
    StaffUser,
    make_router,
)

router = make_router("/api/v1/plugin", "plugins", max_body_size=LARGE_BODY_BYTES)


class PluginActionFailed(RuntimeError):
    """The action of a plugin failed; staff may read why."""


class ConfigPayload(BaseModel):
    """Configuration of a plugin: the text of its file."""

    config_data: str


class BrokenPluginPayload(BaseModel):
    """A package that Lifecycle can't load, and the reason."""

    file: str
    error: str


@router.get("/broken")
def list_broken_plugins(_: StaffUser, services: ServicesDep) -> list[BrokenPluginPayload]:
    """List the plugins that can't be loaded; the others work without them."""
    return [
        BrokenPluginPayload(file=broken.zip_path.name, error=broken.error)
        for broken in services.plugins.broken_plugins
    ]


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
def delete_all_plugins(staff: StaffUser, services: ServicesDep) -> None:
    """Remove all plugins."""
    for removed in services.plugins.delete_all_plugins():
        event = AuditEventType.PLUGIN_UNINSTALLED
        _write_audit(services, staff, event, removed.name, removed.version)


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
    return services.plugins.read_plugin_config(plugin_name, plugin_version)


@router.put("/{plugin_name}/{plugin_version}/config")
def set_config(
    plugin_name: str,
    plugin_version: str,
    payload: ConfigPayload,
    staff: StaffUser,
    services: ServicesDep,
) -> None:
    """Write the configuration of a plugin, and load the plugin again."""
    services.plugins.write_plugin_config(plugin_name, plugin_version, payload.config_data)
    event = AuditEventType.PLUGIN_CONFIGURED
    _write_audit(services, staff, event, plugin_name, plugin_version)


@router.post("/{plugin_name}/run")
def run_plugin(
    plugin_name: str,
    request: Request,
    payload: Annotated[dict[str, Any], Body()],
    _: StaffUser,
    services: ServicesDep,
) -> Any:
    """Run the action of a plugin; the query and the body are its arguments."""
    arguments = {**request.query_params, **payload}
    try:
        result = services.plugins.invoke_one_plugin_hook(
            plugin_name, PluginCore.run_action, **arguments
        )
    except ContextError as e:
        if isinstance(get_root_cause(e), tuple(STATUSES)):
            raise
        raise PluginActionFailed(str(e)) from e
    return _to_json(result, plugin_name)


def _install(
    services: LifecycleServices, staff: AuthSubject, filename: str, content: bytes, *, replace: bool
) -> PluginManifest:
    manifest = services.plugins.upload_plugin(filename, content, replace=replace)
    event = AuditEventType.PLUGIN_INSTALLED
    _write_audit(services, staff, event, manifest.name, manifest.version)
    return manifest


def _to_json(result: Any, plugin_name: str) -> Any:
    try:
        return jsonable_encoder(result)
    except Exception as e:
        kind = type(result).__name__
        raise PluginActionFailed(f"plugin {plugin_name} returned {kind}, no JSON: {e}") from e


def _write_audit(
    services: LifecycleServices,
    staff: AuthSubject,
    event_type: AuditEventType,
    name: str,
    version: str,
) -> None:
    properties = {"plugin_name": name, "plugin_version": version}
    event = AuditEvent(event_type, executor=staff.name, properties=properties)
    with services.unit_of_work() as uow:
        write_event(uow, event, services.clock.now())
        uow.record_change(ChangeKind.PLUGIN)
