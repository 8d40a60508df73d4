"""Changes that other services want to hear of."""

from datetime import datetime

from racetrack_commons.entities.dto import ChangeEvent, ChangeKind
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from lifecycle.database.statements import execute_counting
from lifecycle.database.tables import ChangeRow


class ChangeRepository:
    """The rows of `registry_change`, numbered as they are written."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_newest_id(self) -> int:
        """Return the id of the newest change; 0 when there was none."""
        return self._session.scalar(select(func.max(ChangeRow.id))) or 0

    def list_after(self, change_id: int) -> list[ChangeEvent]:
        """List the changes with a higher id, the oldest first."""
        query = select(ChangeRow).where(ChangeRow.id > change_id).order_by(ChangeRow.id)
        return [
            ChangeEvent(id=row.id, kind=ChangeKind(row.kind), subject=row.subject)
            for row in self._session.scalars(query)
        ]

    def remove_before(self, moment: datetime) -> None:
        """Forget old changes, but never the newest: its id is where readers go on from."""
        statement = delete(ChangeRow).where(
            ChangeRow.create_time < moment, ChangeRow.id < self.get_newest_id()
        )
        execute_counting(self._session, statement)
