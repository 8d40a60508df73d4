"""The state of the service: version and addresses, probes, maintenance mode, and the stream of changes."""

from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from racetrack_client.log.errors import ServiceUnavailable
from racetrack_commons.api.probes import ProbeAnswer, Probes
from racetrack_commons.entities.audit import AuditEventType

from lifecycle.audit import AuditEvent, write_event
from lifecycle.config import Config
from lifecycle.core import Core
from lifecycle.endpoints.dependencies import (
    Administrator,
    CurrentSubject,
    GatewaySubject,
    ReadingDep,
    ServicesDep,
    UnitOfWorkDep,
    make_router,
)
from lifecycle.maintenance import is_maintenance_mode, set_maintenance_mode

_SERVICE = "lifecycle"
router = make_router("/api/v1", "platform")


class InfoPayload(BaseModel):
    """The version and the addresses of the platform."""

    service: str = "lifecycle"
    git_version: str
    docker_tag: str
    auth_required: bool
    external_pub_url: str
    lifecycle_url: str
    grafana_url: str
    dashboard_url: str
    """Empty without a dashboard."""


class MaintenancePayload(BaseModel):
    """The state of maintenance mode: while it is on, nothing is deployed, changed or called."""

    maintenance_mode: bool


@router.get("/info")
def get_info(request: Request, services: ServicesDep) -> InfoPayload:
    """Show version and addresses of the platform."""
    config = services.config
    cluster = _cluster_url(config)
    own_url = (
        config.external_lifecycle_url or f"{request.url.scheme}://{request.url.netloc}/lifecycle"
    )
    return InfoPayload(
        git_version=config.git_version,
        docker_tag=config.docker_tag,
        auth_required=config.auth_required,
        external_pub_url=f"{cluster}/pub" if cluster else config.external_pub_url,
        lifecycle_url=f"{cluster}/lifecycle" if cluster else own_url,
        grafana_url=f"{cluster}/grafana" if cluster else config.external_grafana_url,
        dashboard_url=f"{cluster}/dashboard" if cluster else config.external_dashboard_url,
    )


@router.get("/maintenance")
def get_maintenance(_: CurrentSubject, uow: ReadingDep) -> MaintenancePayload:
    """Show whether maintenance mode is on."""
    return MaintenancePayload(maintenance_mode=is_maintenance_mode(uow))


@router.put("/maintenance")
def switch_maintenance(
    payload: MaintenancePayload, admin: Administrator, services: ServicesDep, uow: UnitOfWorkDep
) -> None:
    """Turn maintenance mode on or off."""
    if payload.maintenance_mode == is_maintenance_mode(uow):
        return
    set_maintenance_mode(uow, on=payload.maintenance_mode)
    began, ended = AuditEventType.MAINTENANCE_BEGUN, AuditEventType.MAINTENANCE_ENDED
    event = AuditEvent(began if payload.maintenance_mode else ended, admin.name)
    write_event(uow, event, services.clock.now())


@router.get("/events", response_class=StreamingResponse)
async def follow_changes(_: GatewaySubject, services: ServicesDep) -> StreamingResponse:
    """Stream changes of jobs and permissions to services of the platform, as server-sent events."""
    return StreamingResponse(
        services.gateways.stream_changes(),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@dataclass(frozen=True)
class HealthProbes:
    """Answers the probes: the service needs its database."""

    core: Core

    def probes(self) -> Probes:
        """Return the probes of the service."""
        return Probes(_SERVICE, ready=self.answer_ready, health=self.answer_health)

    def answer_ready(self) -> ProbeAnswer:
        """Answer 200 if requests can be served, and 503 without the database or without space for deployments."""
        connected, shortage = self._is_connected(), self.core.config.disk_space.find_shortage()
        is_ready = connected and shortage is None
        body = {"service": _SERVICE, "ready": is_ready}
        return ProbeAnswer(
            body | ({"error": shortage} if shortage else {}), 200 if is_ready else 503
        )

    def answer_health(self) -> ProbeAnswer:
        """Describe the running version and its state; the status is 500 without the database."""
        connected = self._is_connected()
        body = {
            "service": _SERVICE,
            "live": True,
            "database_connected": connected,
            "git_version": self.core.config.git_version,
            "docker_tag": self.core.config.docker_tag,
            "auth_required": self.core.config.auth_required,
            "disk_full": self.core.config.disk_space.find_shortage() is not None,
        }
        return ProbeAnswer(body, 200 if connected else 500)

    def _is_connected(self) -> bool:
        try:
            with self.core.unit_of_work.reading() as uow:
                uow.check_connection()
        except ServiceUnavailable:
            self.core.metrics.database_connected.set(0)
            return False
        self.core.metrics.database_connected.set(1)
        return True


def _cluster_url(config: Config) -> str | None:
    if not config.cluster_fqdn:
        return None
    return f"https://{config.racetrack_subdomain}.{config.cluster_fqdn}"
