"""Periodic tasks over Lifecycle's domain."""

__version__ = "3.0.0"
