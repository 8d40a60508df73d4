"""The tables of the database, a few to a file; importing this package registers them all in the metadata."""

from lifecycle.database.tables import auth, base, deployment, installation, job

__all__ = ["auth", "base", "deployment", "installation", "job"]
