"""The admin panel at `/lifecycle/admin/`: staff views and edits rows of the database, behind the platform's log-in and audit log.

Its library works on rows and sessions, so this is the one package beside `lifecycle.database` that uses SQLAlchemy.
"""
