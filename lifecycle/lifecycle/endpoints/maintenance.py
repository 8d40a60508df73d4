"""Routes of maintenance mode."""

from fastapi import APIRouter
from pydantic import BaseModel

from lifecycle.audit import AuditEvent, AuditEventType, write_event
from lifecycle.endpoints.committing_route import CommittingRoute
from lifecycle.endpoints.dependencies import (
    Administrator,
    CurrentSubject,
    ReadingDep,
    ServicesDep,
    UnitOfWorkDep,
)
from lifecycle.maintenance import is_maintenance_mode, set_maintenance_mode

router = APIRouter(prefix="/api/v1/maintenance", tags=["API"], route_class=CommittingRoute)


class MaintenancePayload(BaseModel):
    """Whether nothing may be deployed, changed or called now."""

    maintenance_mode: bool


@router.get("")
def get_maintenance(_: CurrentSubject, uow: ReadingDep) -> MaintenancePayload:
    """Tell whether maintenance mode is on."""
    return MaintenancePayload(maintenance_mode=is_maintenance_mode(uow))


@router.put("")
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
