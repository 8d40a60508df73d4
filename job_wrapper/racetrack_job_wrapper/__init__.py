"""The job wrapper: it serves a class with perform() over HTTP."""

__version__ = "3.0.0"
