"""Which revision the tables must have, and which one they have."""

from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

HEAD = "0004"
"""The newest revision in `versions/`; a test compares it."""


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
