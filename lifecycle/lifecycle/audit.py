"""The audit log: its events, and the sentences in which people read them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from racetrack_commons.entities.audit import AuditEventType
from racetrack_commons.entities.dto import JobDto

from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.audit import AuditEventDto


@dataclass(frozen=True)
class AuditEvent:
    """An action of a user or service, to be written to the audit log."""

    event_type: AuditEventType
    executor: str | None
    owner: str | None = None
    """The user whom the action affects: the previous deployer of a job, the owner of a password."""
    job_name: str | None = None
    job_version: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    """Values for JSON; those of a change are `before` and `after`."""

    @classmethod
    def about_job(
        cls,
        event_type: AuditEventType,
        executor: str,
        job: JobDto,
        properties: dict[str, Any] | None = None,
    ) -> "AuditEvent":
        """Describe an action on a job, which affects the user who deployed it."""
        about = (job.deployed_by, job.name, job.version)
        return cls(event_type, executor, *about, properties or {})


def describe_change(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a change, `before` and `after`, with only the fields that differ; empty if none does."""
    changed = [key for key in after if before.get(key) != after[key]]
    if not changed:
        return {}
    return {
        "before": {key: before.get(key) for key in changed},
        "after": {key: after[key] for key in changed},
    }


def write_event(uow: UnitOfWork, event: AuditEvent, now: datetime) -> None:
    """Write an event to the audit log."""
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


def describe_event(event: AuditEventDto) -> str:
    """Describe an event in one line, even one that a newer release wrote."""
    executor, owner = event.username_executor or "an unknown caller", event.username_subject
    names = _Names({key: str(value) for key, value in event.properties.items()})
    names |= {"executor": executor, "subject": owner or "an unknown caller"}
    if after := event.properties.get("after"):
        names["changes"] = ", ".join(f"{key} = {json.dumps(after[key])}" for key in after)
    if event.job_name:
        of_owner = f" of {owner}" if owner and owner != executor else ""
        names["job"] = f"job {event.job_name} {event.job_version}{of_owner}"
    about = " to {job}" if event.job_name else ""
    sentence = _SENTENCES.get(event.event_type) or f"{{executor}} did {event.event_type}{about}"
    return sentence.format_map(names)


def describe_age(seconds: float) -> str:
    """Describe how long ago an event was."""
    if seconds < 0:
        return ""
    if seconds < 10:
        return "just now"
    if seconds < 60:
        return f"{int(seconds)} seconds ago"
    if seconds < 86400:
        return _describe_hours(int(seconds))
    return _describe_days(int(seconds) // 86400)


_SENTENCES: dict[str, str] = {
    AuditEventType.JOB_DEPLOYED: "{executor} deployed {job}",
    AuditEventType.JOB_REDEPLOYED: "{executor} redeployed {job}",
    AuditEventType.JOB_DELETED: "{executor} deleted {job}",
    AuditEventType.JOB_MOVED: "{executor} moved {job} to another infrastructure target",
    AuditEventType.JOB_ROLLED_BACK: "{executor} rolled {job} back",
    AuditEventType.MANIFEST_EDITED: "{executor} edited the manifest of {job}",
    AuditEventType.SECRETS_LEFT_OUT: "{executor} left secrets of {job} out: {reason}",
    AuditEventType.DEPLOYMENT_FAILED: "{executor} could not deploy {job}",
    AuditEventType.DEPLOYMENT_CANCELLED: "{executor} cancelled a deployment of {job}",
    AuditEventType.LATEST_MOVED: "{executor} moved the aliases of {job}: {changes}",
    AuditEventType.PLUGIN_INSTALLED: "{executor} installed plugin {plugin_name} {plugin_version}",
    AuditEventType.PLUGIN_UNINSTALLED: "{executor} uninstalled plugin {plugin_name} {plugin_version}",
    AuditEventType.PLUGIN_CONFIGURED: "{executor} configured plugin {plugin_name} {plugin_version}",
    AuditEventType.USER_REGISTERED: "{executor} asked for an account",
    AuditEventType.USER_ADDED: "{executor} added user {subject}",
    AuditEventType.USER_LOGGED_IN: "{executor} logged in",
    AuditEventType.PASSWORD_CHANGED: "{executor} changed the password of {subject}",
    AuditEventType.USER_CHANGED: "{executor} changed the rights of {subject}: {changes}",
    AuditEventType.TOKEN_CREATED: "{executor} gave {holder} a token",
    AuditEventType.TOKEN_REVOKED: "{executor} took a token from {holder}",
    AuditEventType.TOKENS_REGENERATED: "{executor} replaced the tokens of {holder}",
    AuditEventType.ESC_CREATED: "{executor} added ESC {esc}",
    AuditEventType.ESC_RENAMED: "{executor} renamed ESC {esc}: {changes}",
    AuditEventType.ESC_DELETED: "{executor} removed ESC {esc}",
    AuditEventType.PERMISSION_GRANTED: "{executor} granted {holder} {permission}",
    AuditEventType.PERMISSION_REVOKED: "{executor} took {permission} from {holder}",
    AuditEventType.RECORD_CREATED: "{executor} created record {id} of table {table}",
    AuditEventType.RECORD_CHANGED: "{executor} changed record {id} of table {table}",
    AuditEventType.RECORD_DELETED: "{executor} deleted record {id} of table {table}",
    AuditEventType.MAINTENANCE_BEGUN: "{executor} began maintenance",
    AuditEventType.MAINTENANCE_ENDED: "{executor} ended maintenance",
}
"""`executor`, `subject`, `job` and `changes` are made from the event; the other names are its properties."""


class _Names(dict[str, str]):
    """Replaces properties that an event of another release lacks."""

    def __missing__(self, key: str) -> str:
        return f"some {key.replace('_', ' ')}"


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
