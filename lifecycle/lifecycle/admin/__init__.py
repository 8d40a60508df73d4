"""The admin panel at `/lifecycle/admin/`: rows of the database, for staff, behind the same log-in and audit log.

Its library works on rows and sessions, so this is the one package beside `lifecycle.database` that knows SQLAlchemy.
"""
