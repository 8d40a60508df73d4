"""The audit log: what is written when somebody does something."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from lifecycle.database.dto import AuditEventDto
from lifecycle.database.unit_of_work import UnitOfWork


class AuditEventType(StrEnum):
    """What may have been done."""

    JOB_DEPLOYED = "job_deployed"
    JOB_REDEPLOYED = "job_redeployed"
    JOB_DELETED = "job_deleted"
    JOB_MOVED = "job_moved"
    JOB_ROLLED_BACK = "job_rolled_back"
    MANIFEST_EDITED = "manifest_edited"
    MAINTENANCE_BEGUN = "maintenance_begun"
    MAINTENANCE_ENDED = "maintenance_ended"
    DEPLOYMENT_FAILED = "deployment_failed"
    PLUGIN_INSTALLED = "plugin_installed"
    PLUGIN_UNINSTALLED = "plugin_uninstalled"
    PLUGIN_CONFIGURED = "plugin_configured"
    USER_REGISTERED = "user_registered"
    USER_LOGGED_IN = "user_logged_in"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - what happened to one
    USER_CHANGED = "user_changed"
    TOKEN_CREATED = "token_created"  # noqa: S105
    TOKEN_REVOKED = "token_revoked"  # noqa: S105
    TOKENS_REGENERATED = "tokens_regenerated"
    ESC_CREATED = "esc_created"
    ESC_DELETED = "esc_deleted"
    PERMISSION_GRANTED = "permission_granted"
    PERMISSION_REVOKED = "permission_revoked"
    RECORD_CREATED = "record_created"
    RECORD_CHANGED = "record_changed"
    RECORD_DELETED = "record_deleted"


@dataclass(frozen=True)
class AuditEvent:
    """What somebody did."""

    event_type: AuditEventType
    executor: str | None
    owner: str | None = None
    """Whom it happened to: who deployed the job before, whose password it is."""
    job_name: str | None = None
    job_version: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    """JSON; of changes `before` and `after`."""


def describe_change(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Make the properties of an event: `before` and `after`, with nothing but what differs."""
    changed = [key for key in after if before.get(key) != after[key]]
    if not changed:
        return {}
    return {
        "before": {key: before.get(key) for key in changed},
        "after": {key: after[key] for key in changed},
    }


def write_event(uow: UnitOfWork, event: AuditEvent, now: datetime) -> None:
    """Write what somebody did."""
    uow.audit.add(
        AuditEventDto(
            id=str(uuid4()),
            timestamp=now,
            event_type=event.event_type,
            properties=event.properties,
            username_executor=event.executor,
            username_subject=event.owner,
            job_name=event.job_name,
            job_version=event.job_version,
        )
    )
