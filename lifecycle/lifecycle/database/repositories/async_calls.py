"""Async calls of jobs, as PUB keeps them."""

from datetime import UTC, datetime
from typing import Any

from racetrack_client.log.errors import EntityNotFound
from racetrack_commons.entities.async_calls import (
    AsyncCallStatus,
    AsyncJobCallDto,
    choose_encoding,
    decode_body,
    encode_body,
)
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from lifecycle.database.statements import execute_counting
from lifecycle.database.tables import AsyncJobCallRow

_BODIES = ("request_body", "response_body")
_OTHERS = {"started_at", "ended_at", "response_headers", "body_encoding", *_BODIES}
_COLUMNS_AS_IN_DTO = sorted(AsyncJobCallDto.model_fields.keys() - _OTHERS)


class AsyncCallRepository:
    """The rows of `registry_asyncjobcall`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, call_id: str) -> AsyncJobCallDto:
        """Return one by its id."""
        row = self._session.get(AsyncJobCallRow, call_id)
        if row is None:
            raise EntityNotFound(f"there is no async call {call_id}")
        return to_dto(row)

    def get_status(self, call_id: str) -> AsyncCallStatus:
        """Return how one stands, without its bodies."""
        query = select(AsyncJobCallRow.status).where(AsyncJobCallRow.id == call_id)
        status = self._session.scalar(query)
        if status is None:
            raise EntityNotFound(f"there is no async call {call_id}")
        return AsyncCallStatus(status)

    def save(self, call: AsyncJobCallDto) -> None:
        """Insert it, or replace the one of the same id; nothing is written when nothing changed."""
        self._session.merge(AsyncJobCallRow(**to_values(call)))
        self._session.flush()

    def remove(self, call_id: str) -> None:
        """Remove one by its id."""
        statement = delete(AsyncJobCallRow).where(AsyncJobCallRow.id == call_id)
        if not execute_counting(self._session, statement):
            raise EntityNotFound(f"there is no async call {call_id}")

    def remove_before(self, moment: datetime) -> int:
        """Remove those that started before that moment; count them."""
        statement = delete(AsyncJobCallRow).where(AsyncJobCallRow.started_at < moment)
        return execute_counting(self._session, statement)


def to_values(call: AsyncJobCallDto) -> dict[str, Any]:
    """Make the columns of a row."""
    values = {column: getattr(call, column) for column in _COLUMNS_AS_IN_DTO}
    for body in _BODIES:
        values[body] = decode_body(getattr(call, body), call.body_encoding)
    return values | {
        "started_at": datetime.fromtimestamp(call.started_at, UTC),
        "ended_at": None if call.ended_at is None else datetime.fromtimestamp(call.ended_at, UTC),
        "response_headers": call.response_headers or None,
    }


def to_dto(row: AsyncJobCallRow) -> AsyncJobCallDto:
    """Read a row."""
    values = {column: getattr(row, column) for column in _COLUMNS_AS_IN_DTO}
    encoding = choose_encoding(row.request_body, row.response_body)
    return AsyncJobCallDto(
        **values | {"request_headers": row.request_headers or {}},
        started_at=row.started_at,
        ended_at=row.ended_at,
        response_headers=row.response_headers,
        request_body=encode_body(row.request_body, encoding),
        response_body=encode_body(row.response_body, encoding),
        body_encoding=encoding,
    )
