"""External service consumers, as staff looks after them."""

from datetime import datetime

from lifecycle.audit import AuditEvent, AuditEventType, write_event
from lifecycle.auth.authenticate import AuthSubject
from lifecycle.auth.tokens import Tokens
from lifecycle.database.dto import EscDto
from lifecycle.database.unit_of_work import UnitOfWork


def add_esc(
    uow: UnitOfWork, name: str, esc_id: str | None, tokens: Tokens, by: AuthSubject
) -> EscDto:
    """Add an ESC, with a token; AlreadyExists when its id is taken."""
    esc = uow.escs.add(name, esc_id)
    tokens.create(uow, uow.auth_subjects.ensure_of_esc(esc.id))
    _write_event(uow, AuditEventType.ESC_CREATED, esc, by, tokens.clock.now())
    return esc


def remove_esc(uow: UnitOfWork, esc_id: str, by: AuthSubject, now: datetime) -> None:
    """Remove an ESC, with its tokens and permissions."""
    esc = uow.escs.get(esc_id)
    uow.escs.remove(esc_id)
    _write_event(uow, AuditEventType.ESC_DELETED, esc, by, now)


def _write_event(
    uow: UnitOfWork, event_type: AuditEventType, esc: EscDto, by: AuthSubject, now: datetime
) -> None:
    properties = {"esc": esc.name, "id": esc.id}
    write_event(uow, AuditEvent(event_type, by.name, owner=esc.id, properties=properties), now)
