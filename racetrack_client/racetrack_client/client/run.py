"""A constant of every running job.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

JOB_INTERNAL_PORT = 7000
"""The port on which a job listens inside its container."""
