"""The Supervisor: periodic tasks over Lifecycle's data."""

__version__ = "3.0.0"
