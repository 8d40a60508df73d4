"""The database of Lifecycle: its tables, the repositories that query them, and units of work.

A new table takes four files, and two of them exist already when its subject is there: its row in `tables/<subject>.py`, its
repository in `repositories/<subject>.py`, the repository's attribute in `unit_of_work.py`, and a migration in
`migrations/versions/`. Values that leave the repository stand in `lifecycle.domain`.
"""
