"""The gateway to jobs."""

__version__ = "3.0.0"
