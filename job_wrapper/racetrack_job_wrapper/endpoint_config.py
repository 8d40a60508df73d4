"""How a job declares an endpoint with a method, a path and parameters of its own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

API = "/api/v1"
"""What the paths of a job's endpoints begin with."""


@dataclass(frozen=True)
class EndpointConfig:
    """One endpoint that FastAPI serves, from `auxiliary_endpoints_v2`."""

    path: str
    """Below `API`; it may have parameters in braces."""
    method: Any
    """`http.HTTPMethod.GET` or `POST`, or its name."""
    handler: Callable[..., Any]
    """Its type hints say what comes from the body, the query and the path."""
    other_options: dict[str, Any] = field(default_factory=dict)
    """Further arguments of FastAPI's route decorators."""
