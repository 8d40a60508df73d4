"""Events of the audit log, and how to choose among them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class AuditEventDto(BaseModel):
    """Something that somebody did."""

    model_config = ConfigDict(frozen=True)

    id: str
    version: int = 1
    timestamp: datetime
    event_type: str
    properties: dict[str, Any] = Field(default_factory=dict)
    username_executor: str | None = None
    username_subject: str | None = None
    job_name: str | None = None
    job_version: str | None = None


@dataclass(frozen=True)
class AuditFilter:
    """Which events to list; what is None or empty does not restrict."""

    job_name: str = ""
    job_version: str = ""
    username: str | None = None
    """Who did it, or whom it happened to."""
    event_type: str = ""
    limit: int = 100
    offset: int = 0
    """How many of the newest to leave out."""
