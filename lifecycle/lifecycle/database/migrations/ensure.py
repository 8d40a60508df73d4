"""Brings the tables up to date before a service starts."""

from importlib import import_module

from racetrack_client.log.errors import ServiceUnavailable
from racetrack_client.log.logs import get_logger
from sqlalchemy import Engine

from lifecycle.database.errors import translate_error
from lifecycle.database.migrations.revision import is_current

_UPGRADE = "lifecycle.database.migrations.upgrade"


class TablesOutdated(ServiceUnavailable):
    """The tables are of another revision than this code."""


def migrate(engine: Engine, schema: str | None) -> bool:
    """Apply the migrations that are missing; return whether there were any."""
    with translate_error():
        if is_current(engine):
            return False
        get_logger("alembic").setLevel("WARNING")
        # Alembic is loaded by name, when it is needed: almost every start goes without it.
        import_module(_UPGRADE).upgrade(engine, schema=schema)
        return True


def check_current(engine: Engine) -> None:
    """Refuse to work on outdated tables."""
    with translate_error():
        if not is_current(engine):
            raise TablesOutdated("the tables of the database are outdated: run `lifecycle migrate`")
