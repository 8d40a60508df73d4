"""The audit log."""

import json
from datetime import datetime

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from lifecycle.database.statements import execute_counting
from lifecycle.database.tables import AuditLogEventRow
from lifecycle.domain.audit import AuditEventDto, AuditFilter


class AuditRepository:
    """The rows of `registry_auditlogevent`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, event: AuditEventDto) -> None:
        """Write an event."""
        values = event.model_dump(exclude={"properties"})
        properties = json.dumps(event.properties) if event.properties else None
        self._session.add(AuditLogEventRow(**values, properties=properties))

    def remove_before(self, moment: datetime) -> int:
        """Forget what happened before that moment; count it."""
        statement = delete(AuditLogEventRow).where(AuditLogEventRow.timestamp < moment)
        return execute_counting(self._session, statement)

    def list_newest(self, wanted: AuditFilter) -> list[AuditEventDto]:
        """List the newest events, the last first."""
        table = AuditLogEventRow
        query = select(table).order_by(table.timestamp.desc(), table.id)
        if wanted.job_name:
            query = query.where(table.job_name == wanted.job_name)
        if wanted.job_version:
            query = query.where(table.job_version == wanted.job_version)
        if wanted.event_type:
            query = query.where(table.event_type == wanted.event_type)
        if wanted.username:
            query = query.where(
                or_(
                    table.username_executor == wanted.username,
                    table.username_subject == wanted.username,
                )
            )
        page = query.limit(wanted.limit).offset(wanted.offset)
        return [_to_dto(row) for row in self._session.scalars(page)]


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
