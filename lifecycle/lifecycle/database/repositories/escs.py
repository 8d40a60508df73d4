"""External service consumers."""

from racetrack_client.log.errors import AlreadyExists, EntityNotFound
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from lifecycle.database.tables import EscRow
from lifecycle.domain.auth import EscDto


class EscRepository:
    """The rows of `registry_esc`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list_all(self) -> list[EscDto]:
        """List all ESCs by name."""
        rows = self._session.scalars(select(EscRow).order_by(EscRow.name, EscRow.id))
        return [EscDto.model_validate(row) for row in rows]

    def get(self, esc_id: str) -> EscDto:
        """Return the ESC with that id."""
        row = self._session.get(EscRow, esc_id)
        if row is None:
            raise EntityNotFound(f"there is no ESC with the id {esc_id}")
        return EscDto.model_validate(row)

    def list_called(self, text: str) -> list[EscDto]:
        """List the ESC with that id, and those with that name."""
        query = select(EscRow).where(or_(EscRow.id == text, EscRow.name == text))
        return [EscDto.model_validate(row) for row in self._session.scalars(query)]

    def add(self, name: str, esc_id: str | None) -> EscDto:
        """Add an ESC; without an id it gets one."""
        if esc_id is not None and self._session.get(EscRow, esc_id) is not None:
            raise AlreadyExists(f"there is an ESC with the id {esc_id} already")
        row = EscRow(name=name, **({"id": esc_id} if esc_id else {}))
        self._session.add(row)
        self._session.flush()
        return EscDto.model_validate(row)

    def remove(self, esc_id: str) -> None:
        """Remove an ESC; its tokens and permissions go with it."""
        self._session.delete(self._session.get_one(EscRow, esc_id))
        self._session.flush()
