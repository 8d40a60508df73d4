"""The declaration of an endpoint with its own method, path and parameters.

Jobs import this module: its names are frozen.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

API = "/api/v1"
"""The prefix of the paths of a job's endpoints."""


@dataclass(frozen=True)
class EndpointConfig:
    """One endpoint of `auxiliary_endpoints_v2`, which FastAPI serves."""

    path: str
    """The path below `API`; it may have parameters in braces."""
    method: Any
    """The method: `http.HTTPMethod.GET` or `POST`, or its name."""
    handler: Callable[..., Any]
    """The function to call; its type hints tell which arguments come from the body, the query and the path."""
    other_options: dict[str, Any] = field(default_factory=dict)
    """Further arguments for FastAPI's route decorators."""
