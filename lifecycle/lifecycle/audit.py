"""The audit log: what is written, and how people read it."""

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
    DEPLOYMENT_FAILED = "deployment_failed"
    PLUGIN_INSTALLED = "plugin_installed"
    PLUGIN_UNINSTALLED = "plugin_uninstalled"
    PLUGIN_CONFIGURED = "plugin_configured"
    USER_REGISTERED = "user_registered"
    USER_LOGGED_IN = "user_logged_in"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - what happened to one
    RECORD_CREATED = "record_created"
    RECORD_CHANGED = "record_changed"
    RECORD_DELETED = "record_deleted"


_VERBS = {
    AuditEventType.JOB_DEPLOYED: "deployed",
    AuditEventType.JOB_REDEPLOYED: "redeployed",
    AuditEventType.JOB_DELETED: "deleted",
    AuditEventType.JOB_MOVED: "moved to another infrastructure target",
    AuditEventType.JOB_ROLLED_BACK: "rolled back",
    AuditEventType.MANIFEST_EDITED: "edited the manifest of",
    AuditEventType.PLUGIN_INSTALLED: "installed",
    AuditEventType.PLUGIN_UNINSTALLED: "uninstalled",
    AuditEventType.PLUGIN_CONFIGURED: "configured",
}
_RECORD_VERBS = {
    AuditEventType.RECORD_CREATED: "created",
    AuditEventType.RECORD_CHANGED: "changed",
    AuditEventType.RECORD_DELETED: "deleted",
}
_SENTENCES = {
    AuditEventType.USER_REGISTERED: "{executor} asked for an account",
    AuditEventType.USER_LOGGED_IN: "{executor} logged in",
    AuditEventType.PASSWORD_CHANGED: "{executor} changed the password of {subject}",
}
"""Of events about no job; `subject` is whom it happened to, the rest are properties."""


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


def record_job_event(
    uow: UnitOfWork,
    event_type: AuditEventType,
    job: tuple[str, str],
    now: datetime,
    *,
    executor: str | None,
    owner: str | None = None,
) -> None:
    """Write what somebody did to a job, given by name and version."""
    name, version = job
    event = AuditEvent(event_type, executor, owner, job_name=name, job_version=version)
    write_event(uow, event, now)


def explain(event: AuditEventDto) -> str:
    """Tell in one line what happened."""
    executor = event.username_executor or "somebody"
    job = f"job {event.job_name} {event.job_version}"
    if sentence := _find_sentence(event):
        names = {"executor": executor, "subject": event.username_subject, **event.properties}
        return sentence.format_map(names)
    for record_type, record_verb in _RECORD_VERBS.items():
        if event.event_type == record_type:
            table, key = event.properties.get("table"), event.properties.get("id")
            return f"{executor} {record_verb} record {key} of table {table}"
    if event.event_type == AuditEventType.DEPLOYMENT_FAILED:
        return f"{executor} could not deploy {job}"
    verb = _VERBS.get(AuditEventType(event.event_type)) if _is_known(event) else None
    if verb is None:
        return f"{executor} did {event.event_type}" + (f" to {job}" if event.job_name else "")
    if event.job_name is None:
        plugin = event.properties.get("plugin_name"), event.properties.get("plugin_version")
        return f"{executor} {verb} plugin {plugin[0]} {plugin[1]}"
    owner = event.username_subject
    return f"{executor} {verb} {job}" + (f" of {owner}" if owner and owner != executor else "")


def describe_age(seconds: float) -> str:
    """Tell how long ago something was."""
    if seconds < 0:
        return ""
    if seconds < 10:
        return "just now"
    if seconds < 60:
        return f"{int(seconds)} seconds ago"
    if seconds < 86400:
        return _describe_hours(int(seconds))
    return _describe_days(int(seconds) // 86400)


def _describe_hours(seconds: int) -> str:
    if seconds < 120:
        return "a minute ago"
    if seconds < 3600:
        return f"{seconds // 60} minutes ago"
    return "an hour ago" if seconds < 7200 else f"{seconds // 3600} hours ago"


def _describe_days(days: int) -> str:
    if days == 1:
        return "yesterday"
    for length, name in ((365, "year"), (30, "month"), (7, "week")):
        if days >= length:
            count = days // length
            return f"a {name} ago" if count == 1 else f"{count} {name}s ago"
    return f"{days} days ago"


def _find_sentence(event: AuditEventDto) -> str | None:
    return _SENTENCES.get(AuditEventType(event.event_type)) if _is_known(event) else None


def _is_known(event: AuditEventDto) -> bool:
    return event.event_type in set(AuditEventType)
