"""The sight of the audit log: what an event says of a job's manifest is shown to readers of the job only."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from racetrack_client.entities import AuthScope
from racetrack_commons.entities.audit import AuditEventType

from lifecycle.auth.authenticate import AuthSubject
from lifecycle.auth.authorize import decide_job, get_sight, has_global_scope
from lifecycle.database.unit_of_work import UnitOfWork
from lifecycle.domain.audit import AuditEventDto

_OPEN = {"image_tag", "infrastructure_target", "latest", "table", "id"}
"""Properties that every caller may see."""
_RECORDS = {
    AuditEventType.RECORD_CREATED,
    AuditEventType.RECORD_CHANGED,
    AuditEventType.RECORD_DELETED,
}
_DIGITS = 12


def hide_contents(
    uow: UnitOfWork, subject: AuthSubject, events: list[AuditEventDto]
) -> list[AuditEventDto]:
    """Replace what the caller may not read by digests, which still show whether two values are equal.

    Manifests need `read_job` on the job, changes of records `call_admin_api`.
    """
    is_admin = has_global_scope(uow, subject, AuthScope.CALL_ADMIN_API)
    readable = _collect_readable(uow, subject, events)
    return [
        event
        if (event.job_name or "", event.job_version or "") in readable
        else _hide(event, is_admin=is_admin)
        for event in events
    ]


def _collect_readable(
    uow: UnitOfWork, subject: AuthSubject, events: Iterable[AuditEventDto]
) -> set[tuple[str, str]]:
    """Return name and version of the events' jobs that the caller may read, deleted ones by a permission on their family."""
    named = {(event.job_name or "", event.job_version or "") for event in events if event.job_name}
    sight = get_sight(uow, subject, AuthScope.READ_JOB)
    if sight.is_complete:
        return named
    names = {name for name, _ in named}
    permitted = uow.job_lists.list_named(names, sight)
    deleted = named - uow.job_lists.list_named(names, replace(sight, is_complete=True))
    families = {
        name: decide_job(uow, subject, AuthScope.READ_JOB, name, None).is_allowed
        for name, _ in deleted
    }
    return permitted | {each for each in deleted if families[each[0]]}


def _hide(event: AuditEventDto, *, is_admin: bool) -> AuditEventDto:
    if event.job_name or (event.event_type in _RECORDS and not is_admin):
        return event.model_copy(update={"properties": _digest_values(event.properties)})
    return event


def _digest_values(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _digest_value(key, value) for key, value in values.items()}


def _digest_value(key: str, value: Any) -> Any:
    if key in {"before", "after"} and isinstance(value, dict):
        return _digest_values(value)
    return value if key in _OPEN or value is None else _digest(value)


def _digest(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]}"
