"""The request that is being answered, for code that runs inside a call."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class JobRequest:
    """The HTTP request of a call."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""

    def header(self, name: str) -> str:
        """Return a header, empty when it is absent."""
        return self.headers.get(name.lower(), "")


class Headers(dict[str, str]):
    """Headers that are found whatever the case of their name."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return a header's value."""
        return super().get(key.lower(), default)

    def __getitem__(self, key: str) -> str:
        return super().__getitem__(key.lower())


request_context: ContextVar[JobRequest] = ContextVar("request_context")
request_extra: ContextVar[dict[str, Any]] = ContextVar("request_extra")
