"""A class with perform() becomes a service."""

__version__ = "3.0.0"
