"""What every running job has in common."""

JOB_INTERNAL_PORT = 7000
"""The port on which a job listens inside its container."""
