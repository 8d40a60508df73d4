"""Settings of the installation, changes for the event stream, and the audit log."""

import json
from datetime import datetime
from typing import Any

from racetrack_commons.entities.dto import ChangeEvent, ChangeKind
from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.orm import Session

from lifecycle.database.session import execute_counting, search_conditions
from lifecycle.database.tables.installation import AuditLogEventRow, ChangeRow, SettingRow
from lifecycle.domain.audit import AuditEventDto, AuditFilter

_SEARCHED = (
    AuditLogEventRow.event_type,
    AuditLogEventRow.job_name,
    AuditLogEventRow.job_version,
    AuditLogEventRow.username_executor,
    AuditLogEventRow.username_subject,
)


class SettingRepository:
    """The rows of `registry_setting`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, name: str) -> Any | None:
        """Return the value of a setting, or None."""
        row = self._session.get(SettingRow, name)
        return row.value if row else None

    def set(self, name: str, value: Any | None) -> None:
        """Store the value of a setting."""
        self._session.merge(SettingRow(name=name, value=value))


class ChangeRepository:
    """The rows of `registry_change`, numbered in the order of their commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_newest_id(self) -> int:
        """Return the id of the newest change; 0 when there was none."""
        return self._session.scalar(select(func.max(ChangeRow.id))) or 0

    def has_job_changed_after(self, change_id: int, job_name: str) -> bool:
        """Return whether a job family changed after the change of that id."""
        is_of_job = (ChangeRow.kind == ChangeKind.JOB) & (ChangeRow.subject == job_name)
        query = select(ChangeRow.id).where(ChangeRow.id > change_id, is_of_job)
        return self._session.scalar(query.limit(1)) is not None

    def list_after(self, change_id: int) -> list[ChangeEvent]:
        """List the changes with a higher id, the oldest first."""
        query = select(ChangeRow).where(ChangeRow.id > change_id).order_by(ChangeRow.id)
        return [
            ChangeEvent(id=row.id, kind=ChangeKind(row.kind), subject=row.subject)
            for row in self._session.scalars(query)
        ]

    def remove_before(self, moment: datetime) -> None:
        """Delete the changes older than `moment`, except the newest: readers continue from its id."""
        statement = delete(ChangeRow).where(
            ChangeRow.create_time < moment, ChangeRow.id < self.get_newest_id()
        )
        execute_counting(self._session, statement)


class AuditRepository:
    """The rows of `registry_auditlogevent`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, event: AuditEventDto) -> None:
        """Insert an event."""
        values = event.model_dump(exclude={"properties"})
        properties = json.dumps(event.properties) if event.properties else None
        self._session.add(AuditLogEventRow(**values, properties=properties))

    def remove_before(self, moment: datetime) -> int:
        """Delete the events older than `moment`; return how many."""
        statement = delete(AuditLogEventRow).where(AuditLogEventRow.timestamp < moment)
        return execute_counting(self._session, statement)

    def list_newest(self, wanted: AuditFilter) -> list[AuditEventDto]:
        """List the events that match the filter, the newest first unless it says otherwise."""
        table = AuditLogEventRow
        moment = table.timestamp.asc() if wanted.is_reversed else table.timestamp.desc()
        query = select(table.id).where(*self._make_conditions(wanted)).order_by(moment, table.id)
        ids = list(self._session.scalars(query.limit(wanted.limit).offset(wanted.offset)))
        rows = {
            row.id: row for row in self._session.scalars(select(table).where(table.id.in_(ids)))
        }
        return [_to_dto(rows[each]) for each in ids]

    def count(self, wanted: AuditFilter) -> int:
        """Return the number of events that match the filter, whatever its limit."""
        query = select(func.count()).select_from(AuditLogEventRow)
        return self._session.scalar(query.where(*self._make_conditions(wanted))) or 0

    def _make_conditions(self, wanted: AuditFilter) -> list[ColumnElement[bool]]:
        return [*search_conditions(self._session, _SEARCHED, wanted.words), *_filter(wanted)]


def _filter(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    table = AuditLogEventRow
    conditions: list[ColumnElement[bool]] = []
    for username in wanted.usernames:
        conditions.append(
            or_(table.username_executor == username, table.username_subject == username)
        )
    if wanted.job_name:
        conditions.append(table.job_name == wanted.job_name)
    if wanted.job_version:
        conditions.append(table.job_version == wanted.job_version)
    if wanted.event_types:
        conditions.append(table.event_type.in_(wanted.event_types))
    if wanted.since:
        conditions.append(table.timestamp >= wanted.since)
    if wanted.until:
        conditions.append(table.timestamp < wanted.until)
    return conditions


def _to_dto(row: AuditLogEventRow) -> AuditEventDto:
    return AuditEventDto(
        id=row.id,
        version=row.version,
        timestamp=row.timestamp,
        event_type=row.event_type,
        properties=json.loads(row.properties) if row.properties else {},
        username_executor=row.username_executor,
        username_subject=row.username_subject,
        job_name=row.job_name,
        job_version=row.job_version,
    )
