"""The audit log as people read it."""

import json

from lifecycle.audit import AuditEventType
from lifecycle.database.dto import AuditEventDto

_SENTENCES: dict[str, str] = {
    AuditEventType.JOB_DEPLOYED: "{executor} deployed {job}",
    AuditEventType.JOB_REDEPLOYED: "{executor} redeployed {job}",
    AuditEventType.JOB_DELETED: "{executor} deleted {job}",
    AuditEventType.JOB_MOVED: "{executor} moved {job} to another infrastructure target",
    AuditEventType.JOB_ROLLED_BACK: "{executor} rolled {job} back",
    AuditEventType.MANIFEST_EDITED: "{executor} edited the manifest of {job}",
    AuditEventType.DEPLOYMENT_FAILED: "{executor} could not deploy {job}",
    AuditEventType.PLUGIN_INSTALLED: "{executor} installed plugin {plugin_name} {plugin_version}",
    AuditEventType.PLUGIN_UNINSTALLED: "{executor} uninstalled plugin {plugin_name} {plugin_version}",
    AuditEventType.PLUGIN_CONFIGURED: "{executor} configured plugin {plugin_name} {plugin_version}",
    AuditEventType.USER_REGISTERED: "{executor} asked for an account",
    AuditEventType.USER_LOGGED_IN: "{executor} logged in",
    AuditEventType.PASSWORD_CHANGED: "{executor} changed the password of {subject}",
    AuditEventType.USER_CHANGED: "{executor} changed the rights of {subject}: {changes}",
    AuditEventType.TOKEN_CREATED: "{executor} gave {holder} a token",
    AuditEventType.TOKEN_REVOKED: "{executor} took a token from {holder}",
    AuditEventType.TOKENS_REGENERATED: "{executor} replaced the tokens of {holder}",
    AuditEventType.ESC_CREATED: "{executor} added ESC {esc}",
    AuditEventType.ESC_DELETED: "{executor} removed ESC {esc}",
    AuditEventType.PERMISSION_GRANTED: "{executor} granted {holder} {permission}",
    AuditEventType.PERMISSION_REVOKED: "{executor} took {permission} from {holder}",
    AuditEventType.RECORD_CREATED: "{executor} created record {id} of table {table}",
    AuditEventType.RECORD_CHANGED: "{executor} changed record {id} of table {table}",
    AuditEventType.RECORD_DELETED: "{executor} deleted record {id} of table {table}",
    AuditEventType.MAINTENANCE_BEGUN: "{executor} began maintenance",
    AuditEventType.MAINTENANCE_ENDED: "{executor} ended maintenance",
}
"""`subject` is whom it happened to; what is not named here is a property of the event."""


class _Names(dict[str, str]):
    """Names whatever an event of another release did not say."""

    def __missing__(self, key: str) -> str:
        return f"some {key.replace('_', ' ')}"


def explain(event: AuditEventDto) -> str:
    """Tell in one line what happened, also when a newer release wrote the event."""
    executor, owner = event.username_executor or "somebody", event.username_subject
    names = _Names({key: str(value) for key, value in event.properties.items()})
    names |= {"executor": executor, "subject": owner or "somebody"}
    if after := event.properties.get("after"):
        names["changes"] = ", ".join(f"{key} = {json.dumps(after[key])}" for key in after)
    if event.job_name:
        of_owner = f" of {owner}" if owner and owner != executor else ""
        names["job"] = f"job {event.job_name} {event.job_version}{of_owner}"
    about = " to {job}" if event.job_name else ""
    sentence = _SENTENCES.get(event.event_type) or f"{{executor}} did {event.event_type}{about}"
    return sentence.format_map(names)


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
