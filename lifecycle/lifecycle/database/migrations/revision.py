"""Which revision the tables must have and which one they have; brings them up to date before a service starts."""

from importlib import import_module

from racetrack_client.log.errors import ServiceUnavailable
from racetrack_client.log.logs import get_logger
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from lifecycle.database.connections import translate_error

HEAD = "0004"
"""The newest revision in `versions/`; a test compares it."""
_UPGRADE = "lifecycle.database.migrations.upgrade"


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


def is_current(engine: Engine) -> bool:
    """Tell whether the tables are up to date. Alembic could as well, but takes a while to load."""
    return find_revision(engine) == HEAD


def find_revision(engine: Engine) -> str | None:
    """Return the revision of the tables, or None when they were never migrated."""
    with engine.connect() as connection:
        try:
            revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
        except (OperationalError, ProgrammingError) as e:
            if "alembic_version" not in str(e.orig):
                raise
            return None
    return str(revision) if revision else None


class TablesOutdated(ServiceUnavailable):
    """The tables are of another revision than this code."""
