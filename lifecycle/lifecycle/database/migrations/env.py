"""The environment in which Alembic runs migrations: the connection that `upgrade.py` gives it."""

from alembic import context

from lifecycle.database.tables.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
context.run_migrations()
