"""The revision of the tables: it is checked, and the tables are brought up to date, before a service starts."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from racetrack_client.log.errors import ServiceUnavailable
from racetrack_client.log.logs import get_logger
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from lifecycle.database.connections import translate_error

HEAD = max(path.name[:4] for path in (Path(__file__).parent / "versions").glob("[0-9]*.py"))
"""The newest revision in `versions/`."""
Seal = Callable[[bytes], bytes]
_UPGRADE = "lifecycle.database.migrations.upgrade"


def migrate(engine: Engine, schema: str | None, seal: Seal | None = None) -> bool:
    """Apply the missing migrations; return whether there were any. `seal` encrypts tokens that an older release stored."""
    with translate_error():
        if is_current(engine):
            return False
        get_logger("alembic").setLevel("WARNING")
        # Alembic is imported by name, and only when needed: almost every start does without it.
        import_module(_UPGRADE).upgrade(engine, schema=schema, seal=seal)
        return True


def check_current(engine: Engine) -> None:
    """Check that the tables are up to date; raises TablesOutdated."""
    with translate_error():
        if not is_current(engine):
            raise TablesOutdated("the tables of the database are outdated: run `lifecycle migrate`")


def is_current(engine: Engine) -> bool:
    """Return whether the tables are up to date. Alembic could tell as well, but is slow to import."""
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
    """The tables have another revision than this code."""
