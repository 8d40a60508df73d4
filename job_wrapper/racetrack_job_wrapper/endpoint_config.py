"""How a job declares an auxiliary endpoint of its own method and path."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class EndpointConfig:
    """One endpoint: `method` is an `http.HTTPMethod` or its name, GET or POST."""

    path: str
    method: Any
    handler: Callable[..., Any]
    other_options: dict[str, Any] = field(default_factory=dict)
