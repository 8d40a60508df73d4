"""Maintenance mode: nothing is deployed, changed or called while it is on."""

from racetrack_client.log.errors import ServiceUnavailable

from lifecycle.database.unit_of_work import UnitOfWork

_SETTING = "maintenance_mode"


class UnderMaintenance(ServiceUnavailable):
    """The platform is being maintained."""


def is_maintenance_mode(uow: UnitOfWork) -> bool:
    """Return whether maintenance mode is on: only the JSON value `true` turns it on."""
    return uow.settings.find(_SETTING) is True


def check_no_maintenance(uow: UnitOfWork) -> None:
    """Raise UnderMaintenance while maintenance mode is on."""
    if is_maintenance_mode(uow):
        raise UnderMaintenance("Racetrack is under maintenance, try again later")


def set_maintenance_mode(uow: UnitOfWork, *, on: bool) -> None:
    """Turn maintenance mode on or off."""
    uow.settings.set(_SETTING, True if on else None)
