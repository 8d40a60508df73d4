"""The headers that identify a request and its caller in all services, and the id of the current request.

Plugins import this module: its names are frozen (docs/plugins.md).
"""

from contextvars import ContextVar

from racetrack_commons.settings import read_variable

current_tracing_id: ContextVar[str] = ContextVar("tracing_id", default="")
"""The tracing id of the request that this task or thread serves."""


def get_tracing_header_name() -> str:
    """Return the name of the header with a request's tracing id."""
    return read_variable("REQUEST_TRACING_HEADER", "X-Request-Tracing-Id")


def get_caller_header_name() -> str:
    """Return the name of the header with the caller's name."""
    return read_variable("CALLER_NAME_HEADER", "X-Caller-Name")
