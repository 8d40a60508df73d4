"""Events of the audit log, and filters on them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class AuditEventDto(BaseModel):
    """An event of the audit log, as it is stored."""

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
    """Conditions on events to list; a condition that is None or empty matches all."""

    job_name: str = ""
    job_version: str = ""
    usernames: tuple[str, ...] = ()
    """Users of whom each acted or was affected."""
    event_types: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    """Texts of which each must be in the job's name or version, the type, or the name of a user."""
    since: datetime | None = None
    until: datetime | None = None
    """The moment before which the events were."""
    is_reversed: bool = False
    """True if the oldest come first."""
    limit: int = 100
    offset: int = 0
    """The number of events to leave out at the beginning."""
